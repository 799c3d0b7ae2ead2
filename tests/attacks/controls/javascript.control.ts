// The walls inside a worker: what a program's engine keeps from it.

import { openCanary } from "../setup/canary.ts";
import { openNetworkPolicy } from "../setup/frame-with.ts";
import { endOf } from "../setup/target.ts";
import { canaryHits, controlSuite, wordsOf } from "./control-suite.ts";
import { openRuntime, type Parts, SCRIPTS, takes } from "./runtime.ts";
import { cutOut, openFrameWithout, WORKER_CUTS, withLimits } from "./switch-off.ts";

const PATIENCE_MS = 4_000;

const endless = async (parts: Parts, timeoutMs: number): Promise<string | undefined> => {
  await using target = await openRuntime("quickjs", parts);
  const result = await target.run("for (;;);", {
    limits: { timeoutMs },
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (endOf(result) === "stopped/timeout 408") return undefined;
  if (endOf(result) !== "stopped/cancelled 408") throw new Error(endOf(result));
  return `no end within ${PATIENCE_MS} ms`;
};

const fill = async (parts: Parts): Promise<string | undefined> => {
  await using target = await openRuntime("quickjs", parts);
  return await takes(
    target,
    "javascript",
    "const a = []; for (let i = 0; i < 300; i++) a.push(new Uint8Array(1048576).fill(1)); return a.length",
  );
};

const names = async (parts: Parts): Promise<string | undefined> => {
  await using target = await openRuntime("native", parts);
  const code =
    "return ['fetch', 'postMessage', 'indexedDB', 'Worker', 'WebSocket'].filter((name) => typeof globalThis[name] !== 'undefined').join(', ')";
  const result = await target.run(code);
  if (result.status !== "returned") throw new Error(endOf(result));
  return wordsOf(result.value);
};

const nativeNetwork = async (parts: Parts): Promise<string | undefined> => {
  await using target = await openRuntime("native", parts);
  const canary = openCanary();
  const result = await target.run(
    `try { await fetch(${JSON.stringify(`${canary.http}fetch`)}, { mode: "no-cors" }); } catch {} return 1`,
  );
  if (result.status !== "returned") throw new Error(endOf(result));
  return await canaryHits(canary);
};

const openScope = cutOut(SCRIPTS.native, WORKER_CUTS.nativeScope);

controlSuite("the engines of JavaScript", [
  {
    control: "the interrupt inside QuickJS",
    attack: "a loop without end",
    covers: ["PUB-CPU-04"],
    withAll: () => endless({}, 500),
    without: () => endless({ source: withLimits({ timeoutMs: 1e9 }) + SCRIPTS.quickjs }, 500),
    behind: {
      wall: "the page's clock, and terminate()",
      withoutBoth: () => endless({ source: withLimits({ timeoutMs: 1e9 }) + SCRIPTS.quickjs }, 600_000),
    },
  },
  {
    control: "the memory limit inside QuickJS",
    attack: "300 MiB of 64",
    covers: ["PUB-MEM-01"],
    withAll: () => fill({}),
    without: () => fill({ source: withLimits({ memoryBytes: 1e9 }) + SCRIPTS.quickjs }),
    behind: {
      wall: "the cap of the WebAssembly memory, and the page's look at it",
      withoutBoth: () =>
        fill({
          source: withLimits({ memoryBytes: 1e9 }) + SCRIPTS.quickjs,
          isCapped: false,
          isWeighed: false,
        }),
    },
  },
  {
    control: "the emptied scope of native()",
    attack: "names that lead out",
    covers: ["PUB-ESC-05", "PUB-ESC-06"],
    withAll: () => names({}),
    without: () => names({ source: openScope }),
  },
  {
    control: "the emptied scope of native()",
    attack: "the network",
    covers: ["PUB-NET-03"],
    withAll: () => nativeNetwork({}),
    without: () => nativeNetwork({ source: openScope }),
    behind: {
      wall: "the frame's policy",
      withoutBoth: async () =>
        nativeNetwork({
          source: openScope,
          frame: await openFrameWithout(openNetworkPolicy),
        }),
    },
  },
]);
