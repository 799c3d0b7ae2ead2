// A worker, and the frame around it, that die at each message of a run: each request is settled once, no call
// that was not safe to repeat is made twice, and the next run works.

import { expect, test } from "vitest";
import {
  createOptimizer,
  type ExecutionMode,
  type JsonRpcResponse,
  memory,
  type RunEvent,
  SandboxFrame,
} from "../../src/index.ts";
import type { FrameWorker } from "../../src/sandbox/browser/frame.ts";

const VICTIMS = ["worker", "frame"] as const;
type Victim = (typeof VICTIMS)[number];

/** A frame that counts the messages of the workers that run programs, both ways, and dies at one of them. */
class MortalFrame extends SandboxFrame {
  /** What dies at which message from now on; `undefined` when it has. */
  doomed: { readonly victim: Victim; readonly at: number } | undefined;
  /** The last frame that was killed. */
  corpse: HTMLIFrameElement | undefined;
  #messages = 0;

  condemn(victim: Victim, at: number): void {
    this.#messages = 0;
    this.doomed = { victim, at };
  }

  override async spawn(...given: Parameters<SandboxFrame["spawn"]>): Promise<FrameWorker> {
    const worker = await super.spawn(...given);
    if (!given[0].startsWith("quickjs")) return worker;
    const [send, listen] = [worker.send.bind(worker), worker.listen.bind(worker)];
    worker.send = (command) => this.#survives(worker) && send(command);
    worker.listen = (onMessage, onDeath) =>
      listen((data) => this.#survives(worker) && onMessage(data), onDeath);
    return worker;
  }

  #survives(worker: FrameWorker): boolean {
    this.#messages += 1;
    if (this.doomed === undefined || this.#messages < this.doomed.at) return true;
    const { victim } = this.doomed;
    this.doomed = undefined;
    // As the frame tells of a worker that ended.
    if (victim === "worker") queueMicrotask(() => worker.die("The worker crashed.", "crashed"));
    else this.corpse = killFrame();
    return false;
  }
}

/** The frame's process is gone at once; the page hears of it as of a document that was navigated. */
function killFrame(): HTMLIFrameElement {
  const frame = document.querySelector<HTMLIFrameElement>('iframe[title="MCP Optimizer sandbox"]');
  if (frame === null) throw new Error("There is no frame.");
  frame.removeAttribute("srcdoc");
  frame.src = "about:blank";
  return frame;
}

async function openShop(executionMode: ExecutionMode) {
  const calls: string[] = [];
  const frame = new MortalFrame();
  const optimizer = await createOptimizer({
    frame,
    tools: {
      look: {
        annotations: { readOnlyHint: true },
        call: async () => {
          calls.push("look");
          return 20;
        },
      },
      // Nothing says that it may be called twice.
      add: {
        call: async ({ n = 0 }) => {
          calls.push("add");
          return Number(n) + 1;
        },
      },
    },
    intents: [
      {
        name: "by_program",
        description: "Looks, then adds.",
        complexity: "complex",
        tool: { ref: "page.add", args: () => ({ n: 20 }) },
        program: { code: "return await tools.page.add({ n: await tools.page.look({}) })" },
      },
    ],
    context: memory(),
    flags: { executionMode, enableCaching: false },
  });
  const close = async (): Promise<void> => {
    await optimizer[Symbol.asyncDispose]();
    await frame[Symbol.asyncDispose]();
  };
  return { optimizer, frame, calls, [Symbol.asyncDispose]: close };
}

const INTENTS = { "page.add": { n: 20 }, by_program: {} };

/** How long a loaded machine may take for a moment. */
const PATIENCE = { timeout: 20_000 };

/** More messages than any of these runs takes. */
const ENOUGH = 30;

const MODES: readonly ExecutionMode[] = ["mcp_only", "hybrid", "code_execution"];
const CASES = MODES.flatMap((mode) => VICTIMS.map((victim) => ({ mode, victim })));

test.for(CASES)(
  "in the mode $mode a $victim that dies at each message of a run",
  { timeout: 240_000 },
  async ({ mode, victim }, { annotate }) => {
    await using shop = await openShop(mode);
    const { optimizer, frame, calls } = shop;
    const ends: Record<string, string[]> = {};
    for (const [intent, params] of Object.entries(INTENTS)) {
      const kinds: string[] = [];
      ends[intent] = kinds;
      for (let at = 1; at < ENOUGH; at += 1) {
        calls.length = 0;
        const events: RunEvent[] = [];
        frame.condemn(victim, at);
        const response = await optimizer.execute(
          { intent, params, id: at },
          { onEvent: (event) => events.push(event) },
        );
        const isKilled = frame.doomed === undefined;
        frame.doomed = undefined;
        kinds.push(kindOf(response));

        expect(calls.filter((name) => name === "add").length, `${intent} at ${at}`).toBeLessThanOrEqual(1);
        const of = (type: RunEvent["type"]): number => events.filter((event) => event.type === type).length;
        expect(of("finished")).toBe(of("started"));
        // A call that was under way when its program's place died ends after the run.
        await expect.poll(() => of("tool_result"), PATIENCE).toBe(of("tool_call"));
        if (!isKilled) {
          expect(response).toMatchObject({ id: at, result: { value: 21 } });
          break;
        }
        // A run may be faster than the death of its frame.
        await expect.poll(() => frame.corpse?.isConnected ?? false, PATIENCE).toBe(false);
        expect(await optimizer.run({ code: "return 6 * 7" })).toMatchObject({
          status: "returned",
          value: 42,
        });
      }
      // The run without a death is the last one.
      expect(kinds.at(-1)).toBe("returned");
      expect(kinds.length).toBeLessThan(ENOUGH - 1);
    }
    await annotate(JSON.stringify(ends));
    // A call by the tool alone has no worker; a program has: its command, each call with its answer, its end.
    const deaths = (intent: keyof typeof INTENTS): number => (ends[intent]?.length ?? 0) - 1;
    const byTool = mode === "code_execution" ? 4 : 0;
    expect(deaths("page.add")).toBeGreaterThanOrEqual(byTool);
    expect(deaths("by_program")).toBeGreaterThanOrEqual(mode === "mcp_only" ? 0 : 6);
  },
);

function kindOf(response: JsonRpcResponse): string {
  return "error" in response ? response.error.data.kind : "returned";
}
