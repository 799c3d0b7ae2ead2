import { expect } from "vitest";
import { recordingPort } from "../recording-port.ts";
import { javascript, type SandboxCase } from "../sandbox-case.ts";

export const LOG_CASES: readonly SandboxCase[] = [
  javascript("takes logs at every level, in order", async ({ value }) => {
    const port = recordingPort();
    await value(
      "console.log('a'); console.info('b'); console.warn('c'); console.error('d'); console.debug('e')",
      { port },
    );
    expect(port.logs).toEqual([
      { level: "log", text: "a" },
      { level: "info", text: "b" },
      { level: "warn", text: "c" },
      { level: "error", text: "d" },
      { level: "debug", text: "e" },
    ]);
  }),
  javascript("prints objects as JSON and several values in one line", async ({ value }) => {
    const port = recordingPort();
    await value(
      "console.log('rows', { a: [1, null] }, 2, true, undefined, new Date(0), new Map([['k', 1]]), new Error('m'))",
      { port },
    );
    expect(port.logs).toEqual([
      {
        level: "log",
        text: 'rows {"a":[1,null]} 2 true undefined "1970-01-01T00:00:00.000Z" {"k":1} Error: m',
      },
    ]);
  }),
  javascript("prints what JSON can't hold instead of failing", async ({ value }) => {
    const port = recordingPort();
    const code = `
      const loop = { name: "loop" };
      loop.self = loop;
      console.log(loop);
      console.log({ big: 1n, f() {}, u: undefined, bytes: new Uint8Array(3) });
      console.log({ get broken() { throw new Error("no") } });
      return 1`;
    expect(await value(code, { port })).toBe(1);
    expect(port.logs.map(({ text }) => text)).toEqual([
      '{"name":"loop","self":"[circular]"}',
      '{"big":"1n","f":"[function]","bytes":"[3 bytes]"}',
      "[unprintable]",
    ]);
  }),
  javascript("keeps logs and calls in the order of the program", async ({ value }) => {
    const order: string[] = [];
    const port = recordingPort(({ args }) => {
      order.push(`call ${args}`);
      return { ok: true, json: "null" };
    });
    const log = port.log.bind(port);
    port.log = (entries) => {
      order.push(...entries.map(({ text }) => text));
      log(entries);
    };
    await value(
      "console.log('one'); await tools.srv.a({}); console.log('two'); await tools.srv.b({}); console.log('three')",
      { port },
    );
    expect(order).toEqual(["one", "call {}", "two", "call {}", "three"]);
  }),
  javascript("delivers logs while the program waits for a tool", async ({ value }) => {
    const answered = Promise.withResolvers<void>();
    const port = recordingPort(async () => {
      await answered.promise;
      return { ok: true, json: "1" };
    });
    const running = value("console.log('before'); return await tools.srv.wait({})", { port });
    await port.logged("before");
    answered.resolve();
    expect(await running).toBe(1);
  }),
  javascript("delivers logs while the program waits for a timer", async ({ run }) => {
    const port = recordingPort();
    const controller = new AbortController();
    const running = run("console.log('before'); await new Promise((done) => setTimeout(done, 20000))", {
      port,
      signal: controller.signal,
    });
    await port.logged("before");
    controller.abort();
    expect(await running).toMatchObject({ status: "stopped", reason: "cancelled" });
  }),
  javascript("delivers the logs of a program that throws", async ({ error }) => {
    const port = recordingPort();
    await error("console.log('last words'); throw new Error('x')", { port });
    expect(port.logs).toEqual([{ level: "log", text: "last words" }]);
  }),
];
