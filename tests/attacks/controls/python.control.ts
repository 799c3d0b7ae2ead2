// The walls around a program in Python.

import { openCanary } from "../setup/canary.ts";
import { openNetworkPolicy } from "../setup/frame-with.ts";
import { endOf, type Target } from "../setup/target.ts";
import { canaryHits, controlSuite, wordsOf } from "./control-suite.ts";
import { openRuntime, type Parts, SCRIPTS, takes } from "./runtime.ts";
import { type Cut, cutOut, openFrameWithout, WORKER_CUTS } from "./switch-off.ts";

const without = (...cuts: readonly Cut[]): Parts => ({ source: cutOut(SCRIPTS.python, ...cuts) });

async function runPython(target: Target, code: string): Promise<unknown> {
  const result = await target.optimizer.run({ language: "python", code }, { session: "one" });
  if (result.status !== "returned") throw new Error(`${endOf(result)} ${JSON.stringify(result)}`);
  return result.value;
}

/** Which of these names of JavaScript a program finds. */
async function names(parts: Parts, wanted: readonly string[]): Promise<string | undefined> {
  await using target = await openRuntime("python", parts);
  const found = await runPython(
    target,
    `import js\n', '.join(name for name in ${JSON.stringify(wanted)} if hasattr(js, name))`,
  );
  return wordsOf(found);
}

const LANGUAGE = ["Object", "Function"];
const WORKER = ["fetch", "postMessage", "indexedDB", "WebSocket"];

async function network(parts: Parts): Promise<string | undefined> {
  await using target = await openRuntime("python", parts);
  const canary = openCanary();
  const address = JSON.stringify(`${canary.ws}socket`);
  await runPython(
    target,
    `import js, asyncio\ntry: js.WebSocket.new(${address})\nexcept BaseException: pass\nawait asyncio.sleep(0.5)\n1`,
  );
  return await canaryHits(canary);
}

async function bridge(parts: Parts): Promise<string | undefined> {
  await using target = await openRuntime("python", parts);
  const made = await runPython(
    target,
    "try:\n    from pyodide.ffi import to_js\n    made = str(type(to_js([1])))\nexcept ImportError: made = ''\nmade",
  );
  return wordsOf(made);
}

async function memory(parts: Parts, code: string): Promise<string | undefined> {
  await using target = await openRuntime("python", parts);
  return await takes(target, "python", code);
}

const BYTES = "x = bytearray(300 * 1024 * 1024)\nlen(x) // 1024 // 1024";
const FILES = "for n in range(40): open(f'/tmp/{n}', 'wb').write(bytes(8 * 1024 * 1024))\n320";

async function leavings(reuse: "never" | "session"): Promise<string | undefined> {
  await using target = await openRuntime("python", { reuse });
  const code = "import builtins\nhad = getattr(builtins, 'left', None)\nbuiltins.left = 'LEFT'\nhad";
  await runPython(target, code);
  return wordsOf(await runPython(target, code));
}

const { pythonBridge, pythonGlobals, pythonGrowth, pythonScope, files } = WORKER_CUTS;

controlSuite("Python", [
  {
    control: "jsglobals without anything",
    attack: "JavaScript's own names by import js",
    covers: ["PUB-ESC-01", "PUB-ESC-02"],
    withAll: () => names({}, LANGUAGE),
    without: () => names(without(pythonGlobals), LANGUAGE),
  },
  {
    control: "the emptied scope",
    attack: "a worker's names by import js",
    covers: ["PUB-ESC-01", "PUB-ESC-02"],
    withAll: () => names({}, WORKER),
    without: () => names(without(pythonScope), WORKER),
    behind: {
      wall: "jsglobals without anything",
      withoutBoth: () => names(without(pythonScope, pythonGlobals), WORKER),
    },
  },
  {
    control: "the emptied scope and jsglobals",
    attack: "the network by import js",
    covers: ["PUB-NET-01"],
    withAll: () => network({}),
    without: () => network(without(pythonGlobals, pythonScope)),
    behind: {
      wall: "the frame's policy",
      withoutBoth: async () =>
        network({
          ...without(pythonGlobals, pythonScope),
          frame: await openFrameWithout(openNetworkPolicy),
        }),
    },
  },
  {
    control: "the closed bridge",
    attack: "objects of JavaScript, whose memory nobody counts",
    covers: ["PUB-ESC-02", "PUB-MEM-02"],
    withAll: () => bridge({}),
    without: () => bridge(without(pythonBridge)),
  },
  {
    control: "the limit of the WebAssembly memory's growth",
    attack: "300 MiB of 64 in one object",
    covers: ["PUB-MEM-02"],
    withAll: () => memory({}, BYTES),
    without: () => memory(without(pythonGrowth), BYTES),
    behind: {
      wall: "the page's look at the memory that a worker tells of",
      withoutBoth: () => memory({ ...without(pythonGrowth), isWeighed: false }, BYTES),
    },
  },
  {
    control: "the count of virtual files",
    attack: "320 MiB of 64 in files",
    covers: ["PUB-MEM-02"],
    withAll: () => memory({}, FILES),
    without: () => memory(without(files), FILES),
  },
  {
    control: "an interpreter serves one run",
    attack: "something left for the next run",
    covers: ["PUB-POI-01", "PUB-POI-04"],
    withAll: () => leavings("never"),
    without: () => leavings("session"),
  },
]);
