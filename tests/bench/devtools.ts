import "../../src/devtools/index.ts";
import { createOptimizer, type Optimizer } from "../../src/index.ts";

/** Milliseconds between the frames of a page while runs arrive. */
export interface DevtoolsResults {
  readonly without: readonly number[];
  readonly with: readonly number[];
  /** Runs that arrived in a second, of both. */
  readonly arrived: readonly number[];
}

/** What the devtools hold before anything is measured: as many as they keep. */
const RUNS_BEFORE = 10_000;
const RUNS_A_SECOND = 50;
const ROUND_MS = 5_000;
const ROUNDS = 3;

const CODE = "return await tools.page.ping()";

/** Frames of a page whose devtools are full and open, and of the same page without them, in turn. */
export async function runDevtoolsBenchmark(): Promise<DevtoolsResults> {
  await using optimizer = await createOptimizer({ tools: { ping: { call: async () => "pong" } } });
  const devtools = document.createElement("mcp-optimizer-devtools");
  devtools.optimizer = optimizer;
  document.body.append(devtools);
  await runMany(optimizer, RUNS_BEFORE);
  const results = { without: [] as number[], with: [] as number[], arrived: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const side of ["without", "with"] as const) {
      // Out of the page they record nothing.
      if (side === "without") devtools.remove();
      else document.body.append(devtools);
      const measured = await measureFrames(optimizer);
      results[side].push(...measured.frames);
      results.arrived.push(measured.arrived);
    }
  }
  devtools.remove();
  return results;
}

async function runMany(optimizer: Optimizer, runs: number): Promise<void> {
  let left = runs;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await optimizer.run({ code: CODE });
  };
  await Promise.all(Array.from({ length: 8 }, lane));
}

async function measureFrames(
  optimizer: Optimizer,
): Promise<{ readonly frames: readonly number[]; readonly arrived: number }> {
  const running: Promise<unknown>[] = [];
  const timer = setInterval(() => running.push(optimizer.run({ code: CODE })), 1_000 / RUNS_A_SECOND);
  const frames: number[] = [];
  const started = performance.now();
  let last = await nextFrame();
  while (performance.now() - started < ROUND_MS) {
    const now = await nextFrame();
    frames.push(now - last);
    last = now;
  }
  clearInterval(timer);
  const arrived = (running.length / (performance.now() - started)) * 1_000;
  await Promise.all(running);
  return { frames, arrived };
}

function nextFrame(): Promise<number> {
  return new Promise((resolve) => requestAnimationFrame(resolve));
}
