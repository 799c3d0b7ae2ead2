// Servers that die at every step of a call, and a worker that does: each request is settled once, and
// nothing that was not safe to repeat is done twice.

import { describe, expect, test } from "vitest";
import type { ExecutionMode } from "../../src/engine/flags.ts";
import type { RunEvent } from "../../src/engine/run-result.ts";
import { createServerSource } from "../../src/mcp/server-source.ts";
import { createCatalog } from "../../src/tools/catalog.ts";
import { openEngine } from "./fixtures/engine.ts";
import { answerBasics, sendResult, startFaultServer } from "./fixtures/mcp-fault-server.ts";

/** Where the server dies. It has done its work from `after` on. */
const STEPS = ["before", "after", "headers", "half"] as const;
type Step = (typeof STEPS)[number];

const TOOLS = [
  { name: "read", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } },
  {
    name: "set",
    inputSchema: { type: "object" },
    annotations: { idempotentHint: true, destructiveHint: false },
  },
  { name: "add", inputSchema: { type: "object" }, annotations: { destructiveHint: false } },
];

/** An engine over a server that dies at a step of the first `deaths` calls. */
async function openShop(executionMode: ExecutionMode, step: Step, deaths: number) {
  const stack = new AsyncDisposableStack();
  let done = 0;
  let calls = 0;
  const server = stack.use(
    await startFaultServer((seen) => {
      const { message, response } = seen;
      if (message?.method === "tools/list") return sendResult(seen, { tools: TOOLS });
      if (message?.method !== "tools/call") return answerBasics(seen);
      calls += 1;
      if (calls > deaths) {
        done += 1;
        return sendResult(seen, { content: [], structuredContent: { done } });
      }
      if (step === "before") return void response.destroy();
      done += 1;
      if (step === "after") return void response.destroy();
      response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
      if (step === "half") response.write('{"jsonrpc":"2.0","id":');
      else response.flushHeaders();
      setTimeout(() => response.destroy(), 20);
    }),
  );
  const source = stack.use(createServerSource("shop", { url: server.url }));
  await source.connect();
  const engine = stack.use(
    openEngine({
      catalog: stack.use(createCatalog([source])),
      limits: { toolWaitMs: 20_000 },
      flags: { executionMode },
      cache: { ttlMs: 0 },
    }),
  );
  return { engine, done: () => done, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const MODES = ["mcp_only", "hybrid", "code_execution"] as const;

describe.each(MODES)("in the mode %s", (mode) => {
  describe.each(STEPS)("a server that dies %s its work", (step) => {
    test.each(["read", "set", "add"])("settles a call of %s once, and does no harm twice", async (tool) => {
      await using shop = await openShop(mode, step, 1);
      const events: RunEvent[] = [];
      const result = await shop.engine.router.execute(
        `shop.${tool}`,
        {},
        { onEvent: (event) => events.push(event) },
      );
      const isSafe = tool !== "add";
      // A repeated harmless call is what the mode hybrid is for; a harmful one is never repeated.
      if (!isSafe) expect(shop.done()).toBeLessThanOrEqual(1);
      const endings = events.filter(({ type }) => type === "finished");
      const starts = events.filter(({ type }) => type === "started");
      expect(endings).toHaveLength(starts.length);
      const ends = events.filter(({ type }) => type === "tool_result");
      expect(ends).toHaveLength(events.filter(({ type }) => type === "tool_call").length);
      if (result.status === "returned") {
        expect(isSafe).toBe(true);
        expect(result.value).toEqual({ done: shop.done() });
      } else {
        expect(result).toMatchObject({ status: "threw", error: { code: expect.any(Number) } });
        expect(result.toolCalls.at(-1)?.error).toMatchObject({ mayHaveExecuted: true });
      }
      if (mode === "hybrid") expect(result.status).toBe(isSafe ? "returned" : "threw");
    });
  });
});
