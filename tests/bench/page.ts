// Runs in the page: the same programs on our sandbox and on the peer's, in turn.

import { IframeSandboxExecutor } from "@cloudflare/codemode/browser";
import { createOptimizer, native, type Optimizer, quickjs, SandboxFrame } from "../../src/index.ts";
import { runDevtoolsBenchmark } from "./devtools.ts";
import { runFreezingBenchmark } from "./freezing.ts";
import { endure, runIntentBenchmark } from "./intents.ts";
import { connectClient, timed } from "./measure.ts";
import { holdSessions, runPythonBenchmark } from "./python.ts";

/** Milliseconds of each repetition. */
export interface Samples {
  readonly ours: readonly number[];
  /** In `native()`, a fresh worker each; only of programs that compute much. */
  readonly native: readonly number[];
  readonly peer: readonly number[];
}

export interface PageResults {
  readonly interleaved: Readonly<Record<string, Samples>>;
  /** 1,000 of our runs and 100 of the peer's, eight at a time; milliseconds for all of them. */
  readonly concurrent: { readonly ours1000: number; readonly peer100: number };
  readonly toolCall: { readonly direct: readonly number[]; readonly brokered: readonly number[] } | undefined;
}

interface Row {
  readonly id: number;
  readonly service: string;
  readonly latencyMs: number;
  readonly message: string;
}

const ROWS: readonly Row[] = Array.from({ length: 10_000 }, (_, id) => ({
  id,
  service: `service-${id % 17}`,
  latencyMs: (id * 7919) % 1009,
  message: `request ${id} was answered late by its upstream`,
}));

/** Runs of one side before it is the other's turn. */
const RUNS_A_ROUND = 20;

interface Program {
  readonly name: string;
  readonly ours: string;
  readonly peer: string;
  readonly rounds: number;
  /** Runs in `native()` too. */
  readonly computes?: true;
}

const SUMMARY = (rows: string) => `
  const values = ${rows}.map((row) => row.latencyMs).sort((a, b) => a - b);
  const at = (share) => values[Math.floor(share * (values.length - 1))];
  return [at(0), at(0.25), at(0.5), at(0.75), at(1)];`;

const FIB = "const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2)); return fib(27);";

const PROGRAMS: readonly Program[] = [
  { name: "trivial", ours: "1 + 1", peer: "async () => 1 + 1", rounds: 5 },
  {
    name: "10 calls in a row",
    ours: "for (let i = 0; i < 10; i++) await tools.page.echo({ i }); return 10;",
    peer: "async () => { for (let i = 0; i < 10; i++) await page.echo({ i }); return 10; }",
    rounds: 5,
  },
  {
    name: "100 calls in parallel",
    ours: "return (await Promise.all(Array.from({ length: 100 }, (_, i) => tools.page.echo({ i })))).length;",
    peer: "async () => (await Promise.all(Array.from({ length: 100 }, (_, i) => page.echo({ i })))).length",
    rounds: 5,
  },
  {
    name: "10,000 rows to five numbers",
    ours: `const rows = await tools.page.rows(); ${SUMMARY("rows")}`,
    peer: `async () => { const rows = await page.rows(); ${SUMMARY("rows")} }`,
    rounds: 3,
    computes: true,
  },
  { name: "fib(27)", ours: FIB, peer: `async () => { ${FIB} }`, rounds: 3, computes: true },
];

/** Runs everything and resolves with what it took. `server` is an MCP server for the cost of a brokered call. */
export async function runBenchmark(server: string, progress: (line: string) => void): Promise<PageResults> {
  const options = { inputSchema: { type: "object" } } as const;
  await using frame = new SandboxFrame();
  await using optimizer = await createOptimizer({
    frame,
    sandboxes: [quickjs({ frame }), native({ frame })],
    tools: { echo: { ...options, call: async (args) => args }, rows: { ...options, call: async () => ROWS } },
    servers: { errors: server },
    // Every call is to be made.
    flags: { enableCaching: false },
  });
  const peer = new IframeSandboxExecutor();
  const page = { echo: async (args: unknown) => args, rows: async () => ROWS };
  const runPeer = async (code: string): Promise<unknown> => {
    const { result, error } = await peer.execute(code, [{ name: "page", fns: page }]);
    if (error !== undefined) throw new Error(error);
    return result;
  };

  const interleaved: Record<string, Samples> = {};
  for (const program of PROGRAMS) {
    progress(program.name);
    const expected = JSON.stringify(await runPeer(program.peer));
    const ours: number[] = [];
    const fast: number[] = [];
    const theirs: number[] = [];
    const round = async (samples: number[], counts: boolean, run: () => Promise<unknown>): Promise<void> => {
      await rest();
      for (let turn = 0; turn < RUNS_A_ROUND; turn += 1) {
        const { value, ms } = await timed(run);
        const text = JSON.stringify(value);
        if (text !== expected) throw new Error(`${program.name}: ${text}, expected ${expected}`);
        if (counts) samples.push(ms);
      }
    };
    for (let turn = 0; turn <= program.rounds; turn += 1) {
      // The first round warms both sides up.
      await round(ours, turn > 0, () => runOurs(optimizer, program.ours));
      if (program.computes) await round(fast, turn > 0, () => runOurs(optimizer, program.ours, "native"));
      await round(theirs, turn > 0, () => runPeer(program.peer));
    }
    interleaved[program.name] = { ours, native: fast, peer: theirs };
  }

  progress("concurrency 8");
  const concurrent = {
    ours1000: await inParallel(1_000, () => runOurs(optimizer, "1 + 1")),
    peer100: await inParallel(100, () => runPeer("async () => 1 + 1")),
  };
  progress("tool calls against the direct client");
  return { interleaved, concurrent, toolCall: await compareCalls(optimizer, server) };
}

let programs = 0;

/** Every program is one that the parser has not seen: it remembers those that it has. */
async function runOurs(optimizer: Optimizer, code: string, sandbox = "quickjs"): Promise<unknown> {
  programs += 1;
  const result = await optimizer.run(
    { language: "javascript", code: `${code}\n// ${programs}` },
    { sandbox },
  );
  if (result.status !== "returned") throw new Error(JSON.stringify(result));
  return result.value;
}

/** The peer takes a frame apart after each run: no round pays for what the other side left to do. */
function rest(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 30);
  });
}

async function inParallel(count: number, work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work();
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return performance.now() - started;
}

const CALLS = 20;

/** The same call of the same server, by the SDK's client and from a program: milliseconds a call. */
async function compareCalls(optimizer: Optimizer, server: string): Promise<PageResults["toolCall"]> {
  const client = await connectClient(server);
  const args = { limit: 1 };
  const direct: number[] = [];
  const brokered: number[] = [];
  const code = `for (let i = 0; i < ${CALLS}; i++) await tools.errors.list_errors(inputs); return 1;`;
  for (let turn = 0; turn < 12; turn += 1) {
    const one = await timed(async () => {
      for (let call = 0; call < CALLS; call += 1)
        await client.callTool({ name: "list_errors", arguments: args });
    });
    const other = await timed(() => optimizer.run({ language: "javascript", code, inputs: args }));
    if (turn < 2) continue;
    direct.push(one.ms / CALLS);
    brokered.push(other.ms / CALLS);
  }
  await client.close();
  return { direct, brokered };
}

/** Milliseconds until a new page's engine is ready, and until its first program has returned. */
export async function startEngine(): Promise<{ readonly ready: number; readonly first: number }> {
  const started = performance.now();
  await using optimizer = await createOptimizer({ tools: { echo: { call: async (args) => args } } });
  const ready = performance.now() - started;
  await runOurs(optimizer, "1 + 1");
  return { ready, first: performance.now() - started };
}

/** An engine whose sessions wait for their next program. */
export async function openIdleSessions(count: number): Promise<void> {
  idle ??= await createOptimizer({ tools: { echo: { call: async (args) => args } } });
  for (let session = 0; session < count; session += 1) {
    const result = await idle.run(
      { code: 'await context.set("k", inputs); return 1', inputs: { session } },
      { session: `idle-${session}` },
    );
    if (result.status !== "returned") throw new Error(JSON.stringify(result));
  }
}

let idle: Optimizer | undefined;

Object.assign(globalThis, {
  runIntentBenchmark,
  endure,
  runBenchmark,
  runPythonBenchmark,
  runFreezingBenchmark,
  runDevtoolsBenchmark,
  startEngine,
  openIdleSessions,
  holdSessions,
});
