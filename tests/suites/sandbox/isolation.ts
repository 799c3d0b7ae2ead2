import { expect } from "vitest";
import { recordingPort } from "../recording-port.ts";
import { javascript, type SandboxCase } from "../sandbox-case.ts";

export const ISOLATION_CASES: readonly SandboxCase[] = [
  javascript("keeps nothing of one run for the next", async ({ create, value }) => {
    await using sandbox = create({ maxWorkers: 1 });
    await value(
      `globalThis.left = 1;
       Array.prototype.left = 2;
       Object.prototype.left = 3;
       JSON.parse = () => "broken";
       Promise.prototype.then = undefined;
       inputs.left = 4;
       return null`,
      { sandbox },
    ).catch(() => undefined);
    const code =
      "return [typeof left, [].left, ({}).left, JSON.parse('1'), inputs.left, await Promise.resolve(6)]";
    expect(await value(code, { sandbox })).toEqual(["undefined", null, null, 1, null, 6]);
  }),
  javascript("gives every run its own random numbers", async ({ create, value }) => {
    await using sandbox = create({ maxWorkers: 1 });
    const draws: unknown[] = [];
    for (let run = 0; run < 6; run += 1)
      draws.push(
        await value("return [Math.random(), Math.random(), crypto.randomUUID()].join()", { sandbox }),
      );
    expect(new Set(draws).size).toBe(6);
    const spread = await value(
      "return Array.from({ length: 1000 }, Math.random).map((n) => Math.floor(n * 4)).reduce((c, n) => (c[n]++, c), [0, 0, 0, 0])",
    );
    for (const count of Object.values(Object(spread))) expect(count).toBeGreaterThan(150);
  }),
  javascript("keeps programs apart that run at one time", async ({ value }) => {
    const together = Promise.withResolvers<void>();
    let waiting = 0;
    const port = recordingPort(async () => {
      waiting += 1;
      if (waiting === 3) together.resolve();
      await together.promise;
      return { ok: true, json: "null" };
    });
    const code = "globalThis.mine ??= inputs.n; await tools.srv.meet({}); return globalThis.mine";
    expect(await Promise.all([1, 2, 3].map((n) => value(code, { port, inputs: { n } })))).toEqual([1, 2, 3]);
  }),
  javascript("answers with its own values though the program broke the built-in ones", async ({ value }) => {
    const code = `
      JSON.stringify = () => { throw new Error("broken") };
      Array.prototype.map = () => "broken";
      Object.keys = () => [];
      Map.prototype.set = () => {};
      return await tools.srv.echo({ a: [1, 2] })`;
    expect(await value(code)).toEqual({ a: [1, 2] });
  }),
];
