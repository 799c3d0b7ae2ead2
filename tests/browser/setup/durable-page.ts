import { createOptimizer, type Optimizer, type RunEvent } from "../../../src/index.ts";

/** Calls that reached a tool, in this page and in those before it. */
function note(name: string): void {
  localStorage.setItem("calls", `${localStorage.getItem("calls") ?? ""}${name} `);
}

/** Steps of a run that are counted, and the one at which the tab hangs. */
let steps = 0;
let lastStep = Number.POSITIVE_INFINITY;

/** The tab does nothing more, until somebody closes it. */
function reachStep(): void {
  steps += 1;
  if (steps !== lastStep) return;
  localStorage.setItem("hung", `${steps}`);
  for (;;);
}

const optimizer: Optimizer = await createOptimizer({
  tools: {
    read: {
      annotations: { readOnlyHint: true },
      call: async ({ n = 0 }) => {
        note(`read${Number(n)}`);
        return { n };
      },
    },
    erase: {
      annotations: { destructiveHint: true },
      call: async () => {
        note("erase");
        return "erased";
      },
    },
    add: {
      call: async () => {
        note("add");
        return "added";
      },
    },
    slow: {
      annotations: { destructiveHint: false },
      call: ({ ms = 1_000_000 }, { signal }) => {
        note("slow");
        return new Promise((resolve, reject) => {
          // By then the program is kept.
          setTimeout(reachStep, Number(ms) / 2);
          setTimeout(() => resolve("late"), Number(ms));
          signal.addEventListener("abort", () => reject(signal.reason));
        });
      },
    },
  },
});

/** The page as the test that opened it sees it. */
export interface DurablePage {
  readonly optimizer: Optimizer;
  readonly calls: () => readonly string[];
  /** Runs a durable program in a tab that hangs at this step of it. Resolves with the value when there are fewer. */
  readonly runUntil: (code: string, step: number) => Promise<unknown>;
}

const STEPS: ReadonlySet<RunEvent["type"]> = new Set(["started", "tool_call", "tool_result", "finished"]);

const page: DurablePage = {
  optimizer,
  async runUntil(code, step) {
    lastStep = step;
    const result = await optimizer.run(
      { language: "javascript", code },
      { durable: true, onEvent: ({ type }) => STEPS.has(type) && reachStep() },
    );
    return result.status === "returned" ? result.value : result;
  },
  calls: () => (localStorage.getItem("calls") ?? "").trim().split(" "),
};
Object.assign(globalThis, { durable: page });
