// Runs in the page: Python in our sandbox, against plain Pyodide in a worker and against direct calls.

import {
  createOptimizer,
  type Optimizer,
  type PyodideOptions,
  pyodide,
  SandboxFrame,
} from "../../src/index.ts";
import { resolveLimits } from "../../src/sandbox/limits.ts";
import { connectClient, timed } from "./measure.ts";

/** Plain Pyodide in a worker; a worker in a frame that is there, with and without the snapshot; a new frame. */
export type ColdStart = "naive" | "worker" | "anew" | "frame";

/** Milliseconds of each repetition. */
export interface PythonResults {
  /** From nothing to the first result, in turn. */
  readonly cold: Readonly<Record<ColdStart, readonly number[]>>;
  /** A whole run in an interpreter that waited for it. */
  readonly warm: readonly number[];
  readonly parallelCalls: readonly number[];
  /** What each of many calls in a row took, by the client itself and from a program. */
  readonly toolCall: { readonly direct: readonly number[]; readonly brokered: readonly number[] };
}

const FIRST = "import json, re, asyncio, dataclasses\njson.dumps(1)";
const COLD_ROUNDS = 7;
const WARM_RUNS = 15;
/** So few that they end before the pool starts the next interpreter beside them. */
const CALLS = 10;
const CALL_ROUNDS = 12;

export async function runPythonBenchmark(
  server: string,
  progress: (line: string) => void,
): Promise<PythonResults> {
  progress("Python: cold starts");
  const cold: Record<ColdStart, number[]> = { naive: [], worker: [], anew: [], frame: [] };
  await using kept = new SandboxFrame();
  for (let round = 0; round <= COLD_ROUNDS; round += 1) {
    const starts: Record<ColdStart, () => Promise<void>> = {
      naive: runNaive,
      worker: () => runCold({ frame: kept }),
      anew: () => runCold({ frame: kept, snapshot: false }),
      frame: async () => {
        await using frame = new SandboxFrame();
        await runCold({ frame });
      },
    };
    for (const [name, start] of Object.entries(starts)) {
      await rest();
      const { ms } = await timed(start);
      // The first round fills the caches of all.
      if (round > 0) cold[name as ColdStart].push(ms);
    }
  }
  await using optimizer = await createOptimizer({
    tools: { echo: { inputSchema: { type: "object" }, call: async (args) => args } },
    servers: { errors: server },
    // Every call is to be made.
    flags: { enableCaching: false },
  });
  progress("Python: warm runs");
  const warm = await runWarm(optimizer, "1 + 1", 2);
  const gather = "len(await asyncio.gather(*(tools.page.echo(i=i) for i in range(100))))";
  const parallelCalls = await runWarm(optimizer, gather, 100);
  progress("Python: tool calls against the direct client");
  return { cold, warm, parallelCalls, toolCall: await compareCalls(optimizer, server) };
}

/** A worker that was ended keeps a core busy for a while after. */
function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1_500));
}

async function runNaive(): Promise<void> {
  const worker = new Worker(new URL("/naive-python.js", location.href), { type: "module" });
  const hear = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => reject(new Error(event.message));
    });
  await hear();
  const answer = hear();
  worker.postMessage(FIRST);
  const value = await answer;
  worker.terminate();
  if (value !== "1") throw new Error(`plain Pyodide answered ${String(value)}`);
}

/** One program in a sandbox that has no interpreter yet. */
async function runCold(options: PyodideOptions): Promise<void> {
  await using sandbox = pyodide(options);
  const port = {
    namespaces: [],
    call: async () => ({ ok: true, json: "null" }) as const,
    log: () => {},
    notice: () => {},
  };
  const program = { language: "python", code: FIRST, inputs: "{}" } as const;
  const outcome = await sandbox
    .open("cold", resolveLimits())
    .run(program, port, new AbortController().signal);
  if (outcome.status !== "returned" || outcome.json !== '"1"') throw new Error(JSON.stringify(outcome));
}

async function runWarm(optimizer: Optimizer, code: string, expected: number): Promise<number[]> {
  const samples: number[] = [];
  for (let run = 0; run < WARM_RUNS; run += 1) {
    await optimizer.prepare("python");
    await rest();
    const { value, ms } = await timed(() => optimizer.run({ language: "python", code }));
    if (value.status !== "returned" || value.value !== expected) throw new Error(JSON.stringify(value));
    samples.push(ms);
  }
  return samples;
}

/** The same call of the same server, by the SDK's client and from a Python program. */
async function compareCalls(optimizer: Optimizer, server: string): Promise<PythonResults["toolCall"]> {
  const client = await connectClient(server);
  const args = { limit: 1 };
  const code = `
import time
took = []
for _ in range(${CALLS}):
    started = time.perf_counter()
    await tools.errors.list_errors(**inputs)
    took.append((time.perf_counter() - started) * 1000)
took`;
  const direct: number[] = [];
  const brokered: number[] = [];
  for (let turn = 0; turn < CALL_ROUNDS; turn += 1) {
    await optimizer.prepare("python");
    await rest();
    const took: number[] = [];
    for (let call = 0; call < CALLS; call += 1) {
      const { ms } = await timed(() => client.callTool({ name: "list_errors", arguments: args }));
      took.push(ms);
    }
    const other = await optimizer.run({ language: "python", code, inputs: args });
    if (other.status !== "returned" || !Array.isArray(other.value)) throw new Error(JSON.stringify(other));
    // The first rounds warm both sides up.
    if (turn < 2) continue;
    direct.push(...took);
    brokered.push(...other.value.map(Number));
  }
  await client.close();
  return { direct, brokered };
}

/** Adds sessions whose programs wait for a tool that never answers. Resolves when all of them wait. */
export async function holdSessions(language: "python" | "javascript", count: number): Promise<void> {
  const goal = holding + count;
  held ??= await createOptimizer({
    tools: {
      hold: {
        call: () => {
          holding += 1;
          onHeld();
          return new Promise(() => {});
        },
      },
    },
  });
  const optimizer = held;
  await new Promise<void>((resolve) => {
    onHeld = () => {
      if (holding >= goal) resolve();
    };
    for (let session = holding; session < goal; session += 1)
      void optimizer.run({ language, code: "await tools.page.hold()" }, { session: `held-${session}` });
  });
}

let held: Optimizer | undefined;
let holding = 0;
let onHeld: () => void = () => {};
