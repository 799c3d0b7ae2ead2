import { expect } from "vitest";
import { recordingPort } from "../recording-port.ts";
import { javascript, type SandboxCase } from "../sandbox-case.ts";
import { everyOperation } from "./every-operation.ts";

const MEBIBYTE = 1024 * 1024;

/** Lets everything that is ready happen first. */
const aMoment = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

export const CALL_CASES: readonly SandboxCase[] = [
  javascript("hands over the tool's path and the arguments as JSON", async ({ value }) => {
    const port = recordingPort();
    await value(
      "await tools.srv.list({ n: 1, when: new Date(0), u: undefined }); await tools['my-srv']['do it'](); return 1",
      { port },
    );
    expect(port.calls.map(({ operation, target, args }) => ({ operation, target, args }))).toEqual([
      { operation: "tool", target: "srv.list", args: '{"n":1,"when":"1970-01-01T00:00:00.000Z"}' },
      { operation: "tool", target: "my-srv.do it", args: "{}" },
    ]);
  }),
  javascript("asks for searches, descriptions and context", async ({ value }) => {
    const port = recordingPort(({ operation }) => ({ ok: true, json: JSON.stringify(operation) }));
    const code = `return [
      await tools.search("words"), await tools.search("words", 3), await tools.describe("srv.a"), await tools.describe(["srv.a"], { maxTokens: 50 }),
      await context.get("k"), await context.set("k", { v: 1 }), await context.delete("k"), await context.keys(), await context.open("h"),
    ]`;
    const asked = everyOperation({ v: 1 });
    expect(await value(code, { port })).toEqual(asked.map(([operation]) => operation));
    expect(port.calls.map(({ operation, args }) => [operation, JSON.parse(args)])).toEqual(asked);
  }),
  javascript("makes calls one after the other", async ({ value }) => {
    const port = recordingPort();
    const code =
      "let n = 0; for (let i = 0; i < 20; i += 1) ({ n } = await tools.srv.next({ n: n + 1 })); return n";
    expect(await value(code, { port })).toBe(20);
    expect(port.mostInFlight).toBe(1);
  }),
  javascript("goes on through hundreds of calls, logs and timers", async ({ value }) => {
    const port = recordingPort();
    const code = `
      for (let n = 0; n < 400; n += 1) {
        console.log(n);
        await tools.srv.a({ n });
        if (n % 100 === 0) await new Promise((done) => setTimeout(done, 1));
      }
      for (let n = 0; n < 200; n += 1) { console.log("x"); await new Promise((done) => setTimeout(done)); }
      return "all"`;
    expect(await value(code, { port })).toBe("all");
    expect([port.calls.length, port.logs.length]).toEqual([400, 600]);
  }),
  javascript(
    "answers 100 calls at once, each with its own answer, however they come back",
    async ({ value }) => {
      const port = recordingPort(async ({ args }) => {
        const { n } = JSON.parse(args);
        for (let waits = n % 7; waits > 0; waits -= 1) await aMoment();
        return { ok: true, json: String(n * n) };
      });
      const code = "return await Promise.all(Array.from({ length: 100 }, (_, n) => tools.srv.square({ n })))";
      expect(await value(code, { port })).toEqual(Array.from({ length: 100 }, (_, n) => n * n));
      expect(port.calls.map(({ args }) => JSON.parse(args).n)).toEqual(
        Array.from({ length: 100 }, (_, n) => n),
      );
    },
  ),
  javascript("keeps the limit of calls in flight", async ({ value }) => {
    const port = recordingPort(async ({ args }) => {
      await aMoment();
      return { ok: true, json: args };
    });
    const code =
      "return (await Promise.all(Array.from({ length: 40 }, (_, n) => tools.srv.a({ n })))).length";
    expect(await value(code, { port, limits: { maxToolCallsInFlight: 4 } })).toBe(40);
    expect(port.mostInFlight).toBe(4);
  }),
  javascript("stops at the limit of calls", async ({ run, value }) => {
    const port = recordingPort();
    const code = "for (let n = 0; n < inputs.n; n += 1) await tools.srv.a({}); return 'all'";
    expect(await value(code, { inputs: { n: 3 }, limits: { maxToolCalls: 3 } })).toBe("all");
    expect(await run(code, { port, inputs: { n: 4 }, limits: { maxToolCalls: 3 } })).toMatchObject({
      status: "stopped",
      reason: "tool_calls",
      message: "The program made more than 3 calls.",
    });
    expect(port.calls.length).toBeLessThanOrEqual(3);
  }),
  javascript("stops at the limit of calls also when the program does not wait for them", async ({ run }) => {
    const port = recordingPort();
    const code = "for (let n = 0; n < 50; n += 1) tools.srv.a({}).catch(() => {}); return 'all'";
    expect(await run(code, { port, limits: { maxToolCalls: 10 } })).toMatchObject({
      status: "stopped",
      reason: "tool_calls",
    });
    expect(port.calls.length).toBeLessThanOrEqual(10);
  }),
  javascript("carries arguments and answers of 1 MB", async ({ value }) => {
    const port = recordingPort();
    const code =
      "const text = 'é\"'.repeat(inputs.n); const { text: same } = await tools.srv.echo({ text }); return [same.length, same === text]";
    expect(await value(code, { port, inputs: { n: MEBIBYTE / 4 } })).toEqual([MEBIBYTE / 2, true]);
  }),
  javascript("refuses arguments over the limit of a message", async ({ run }) => {
    const port = recordingPort();
    const outcome = await run("await tools.srv.a({ text: 'x'.repeat(5000) })", {
      port,
      limits: { maxMessageBytes: 4096 },
    });
    expect(outcome).toMatchObject({
      status: "stopped",
      reason: "output",
      message: "A call's arguments exceed 4096 bytes.",
    });
    expect(port.calls).toEqual([]);
  }),
  javascript("revives bytes of an answer, and sends bytes as base64", async ({ value }) => {
    const port = recordingPort(({ args }) =>
      args === "{}"
        ? {
            ok: true,
            json: '{"mimeType":"image/png","bytes":{"$bytes":"AQL/"},"list":[{"$bytes":""}]}',
            bytes: true,
          }
        : { ok: true, json: args },
    );
    const code = `
      const image = await tools.srv.image({});
      const { data } = await tools.srv.echo({ data: image.bytes });
      return [image.bytes instanceof Uint8Array, [...image.bytes], image.list[0].length, data]`;
    expect(await value(code, { port })).toEqual([true, [1, 2, 255], 0, "AQL/"]);
  }),
  javascript("leaves an answer without bytes as it is", async ({ value }) => {
    const port = recordingPort(() => ({ ok: true, json: '{"$bytes":"AQL/"}' }));
    expect(await value("return await tools.srv.a({})", { port })).toEqual({ $bytes: "AQL/" });
  }),
  javascript("rejects a failed call with a ToolError that can be caught", async ({ value }) => {
    const port = recordingPort(() => ({
      ok: false,
      error: {
        name: "ToolError",
        message: "no stock",
        kind: "tool_error",
        code: 500,
        hint: "Order it.",
        tool: "srv.buy",
        server: "srv",
      },
    }));
    const code = `
      try { await tools.srv.buy({}); return "bought"; }
      catch (error) {
        const { name, message, kind, code, hint, tool, server } = error;
        return [error instanceof ToolError, error instanceof Error, { name, message, kind, code, hint, tool, server }];
      }`;
    expect(await value(code, { port })).toEqual([
      true,
      true,
      {
        name: "ToolError",
        message: "no stock",
        kind: "tool_error",
        code: 500,
        hint: "Order it.",
        tool: "srv.buy",
        server: "srv",
      },
    ]);
  }),
  javascript("goes on with what settles beside a failed call", async ({ value }) => {
    const port = recordingPort(({ target }) =>
      target === "srv.bad"
        ? { ok: false, error: { name: "ToolError", message: "no", kind: "tool_error", code: 500 } }
        : { ok: true, json: "1" },
    );
    const code =
      "return (await Promise.allSettled([tools.srv.bad({}), tools.srv.good({})])).map((one) => one.value ?? one.reason.message)";
    expect(await value(code, { port })).toEqual(["no", 1]);
  }),
  javascript("tells the namespaces, and does not mistake tools for a promise", async ({ value }) => {
    const port = recordingPort(undefined, ["github", "notes"]);
    const code =
      "return [Object.keys(tools), 'github' in tools, 'nothing' in tools, (await tools) === tools, typeof tools.github.list, typeof tools.then]";
    expect(await value(code, { port })).toEqual([
      ["github", "notes"],
      true,
      false,
      true,
      "function",
      "undefined",
    ]);
  }),
  javascript("ends with the program: calls that nobody waits for are aborted", async ({ value }) => {
    const aborted = Promise.withResolvers<void>();
    const port = recordingPort(
      (_, signal) =>
        new Promise(() => {
          signal.addEventListener("abort", () => aborted.resolve());
        }),
    );
    expect(
      await value("tools.srv.slow({}); await new Promise((done) => setTimeout(done, 20)); return 'done'", {
        port,
      }),
    ).toBe("done");
    await aborted.promise;
    expect(port.calls.length).toBe(1);
  }),
];
