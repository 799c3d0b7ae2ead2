// What the page counts and checks. The attacker's worker speaks our protocol, and lies.

import { findOptimizerError } from "../../../src/base/errors.ts";
import { HELD } from "../../../src/protocol/guest-protocol.ts";
import scriptSha256 from "../../../src/runtimes/quickjs-worker.ts?script&sha256";
import { SandboxFrame } from "../../../src/sandbox/browser/frame.ts";
import { openScript } from "../../../src/sandbox/browser/shipped-asset.ts";
import type { Limits } from "../../../src/sandbox/limits.ts";
import { type ArgumentChecker, createArgumentChecker } from "../../../src/tools/arguments.ts";
import { createBroker } from "../../../src/tools/broker.ts";
import { createCatalog } from "../../../src/tools/catalog.ts";
import { createPageSource } from "../../../src/tools/page-source.ts";
import { createSourceCaller } from "../../../src/tools/tool-answer.ts";
import { openSession } from "../../unit/fixtures/session.ts";
import { hostileSource, openHostileTarget } from "../setup/hostile-worker.ts";
import { endOf } from "../setup/target.ts";
import { controlSuite, wordsOf } from "./control-suite.ts";
import { openAssets } from "./runtime.ts";

/** How long something that nobody ends is waited for. Milliseconds. */
const PATIENCE_MS = 4_000;

/** Runs what a hostile worker does under these limits. */
async function hostile(onRun: string, limits: Partial<Limits>) {
  await using target = await openHostileTarget();
  target.attack(hostileSource(onRun));
  const result = await target.run("0", { limits, signal: AbortSignal.timeout(PATIENCE_MS) });
  return { end: endOf(result), calls: target.calls.length, logs: result.logs.length };
}

/** Never ends, and does not listen. */
async function endless(timeoutMs: number): Promise<string | undefined> {
  const { end } = await hostile("for (;;);", { timeoutMs });
  if (end === "stopped/timeout 408") return undefined;
  if (end !== "stopped/cancelled 408") throw new Error(end);
  return `no end within ${PATIENCE_MS} ms`;
}

async function manyCalls(maxToolCalls: number): Promise<string | undefined> {
  const code =
    'for (let id = 1; id <= 300; id += 1) { turn({ calls: [call(id, "page.echo", { id })] }); await next(id); } done(1);';
  const { end, calls } = await hostile(code, { maxToolCalls });
  if (end !== "stopped/tool_calls 429" && end !== "returned") throw new Error(end);
  return calls > 100 ? `${calls} calls` : undefined;
}

async function muchOutput(maxOutputBytes: number): Promise<string | undefined> {
  const code =
    'for (let n = 0; n < 40; n += 1) { turn({ logs: [{ level: "log", text: "x".repeat(1e5) }] }); await new Promise((r) => setTimeout(r, 5)); } done(1);';
  const { end, logs } = await hostile(code, { maxOutputBytes });
  if (end !== "stopped/output 429" && end !== "returned") throw new Error(end);
  return logs > 10 ? `${logs} logs of 100,000 characters` : undefined;
}

/** Arguments that the tool's schema forbids. */
async function badArguments(checker: ArgumentChecker): Promise<string | undefined> {
  const calls: unknown[] = [];
  using catalog = createCatalog([
    createPageSource({
      strict: {
        inputSchema: {
          type: "object",
          properties: { v: { type: "string", maxLength: 20 } },
          required: ["v"],
          additionalProperties: false,
        },
        call: (args) => void calls.push(args),
      },
    }),
  ]);
  const broker = createBroker({
    catalog,
    ...openSession(catalog),
    callTool: createSourceCaller(),
    findObserved: () => undefined,
    countTokens: async (texts) => texts.map(({ length }) => length),
    loadChecker: async () => checker,
    maxMessageBytes: 1024 * 1024,
    maxDescribeTokens: 100,
    language: "typescript",
    onEvent: () => {},
  });
  const call = (id: number, args: object) =>
    broker.call(
      { id, operation: "tool", target: "page.strict", args: JSON.stringify(args) },
      new AbortController().signal,
    );
  const good = await call(1, { v: "x" });
  if (good === HELD || !good.ok || calls.length !== 1) throw new Error("The tool cannot be called.");
  for (const [at, args] of [{}, { v: 5 }, { v: "x".repeat(21) }, { v: "x", more: 1 }].entries()) {
    await call(2 + at, args);
  }
  return calls.length > 1 ? JSON.stringify(calls.slice(1)).slice(0, 60) : undefined;
}

/** What a worker that was taken over keeps for its next run. */
async function leftInWorker(first: string, second: string): Promise<string | undefined> {
  const source = hostileSource('const had = self.left ?? null; self.left = "LEFT"; done(had);');
  await using target = await openAssets("quickjs", new SandboxFrame(), "session", async () => ({
    source,
    modules: {},
    files: {},
  }));
  const values: unknown[] = [];
  for (const session of [first, second]) {
    const result = await target.run("0", { session });
    if (result.status !== "returned") throw new Error(endOf(result));
    values.push(result.value);
  }
  return wordsOf(values[1]);
}

const CHANGED = hostileSource('done("the changed file ran");');

/** A file that is not what the build made. */
async function changedFile(open: () => Promise<string>): Promise<string | undefined> {
  try {
    await using target = await openAssets("quickjs", new SandboxFrame(), "session", async () => ({
      source: await open(),
      modules: {},
      files: {},
    }));
    const result = await target.run("0");
    if (result.status !== "returned") throw new Error(endOf(result));
    return wordsOf(result.value);
  } catch (error) {
    if (findOptimizerError(error)?.kind === "integrity") return undefined;
    throw error;
  }
}

controlSuite("the page", [
  {
    control: "the page's clock, and terminate()",
    attack: "a worker that never ends",
    covers: ["PUB-CPU-04", "PUB-CPU-01"],
    withAll: () => endless(500),
    without: () => endless(600_000),
  },
  {
    control: "the page's count of calls",
    attack: "more calls than allowed",
    covers: ["PUB-CALL-01", "PUB-RPC-07"],
    withAll: () => manyCalls(100),
    without: () => manyCalls(100_000),
  },
  {
    control: "the page's count of output",
    attack: "more output than allowed",
    covers: ["PUB-OUT-01"],
    withAll: () => muchOutput(1024 * 1024),
    without: () => muchOutput(64 * 1024 * 1024),
  },
  {
    control: "the check of arguments against the tool's schema",
    attack: "arguments that a tool forbids",
    covers: ["PUB-RPC-08", "PUB-RPC-09"],
    withAll: () => badArguments(createArgumentChecker()),
    without: () => badArguments(() => []),
  },
  {
    control: "a worker that ran a program serves its own session only",
    attack: "something left for another session",
    covers: ["PUB-POI-03"],
    withAll: () => leftInWorker("attacker", "victim"),
    without: () => leftInWorker("attacker", "attacker"),
  },
  {
    control: "SHA-256 of the build's files",
    attack: "a changed file to run",
    covers: ["PUB-SUP-01"],
    withAll: () =>
      changedFile(() =>
        openScript({ name: "script", load: async () => ({ default: CHANGED }), sha256: scriptSha256 }),
      ),
    without: () => changedFile(async () => CHANGED),
  },
]);
