import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeBase64, encodeBase64 } from "../../src/base/base64.ts";
import { gzip } from "../../src/base/gzip.ts";
import { isJsonObject, parseJson } from "../../src/base/json.ts";
import { createContextStore } from "../../src/context/context-store.ts";
import { memory } from "../../src/context/memory.ts";
import type { SessionContext } from "../../src/context/session-context.ts";
import { parseKeptGlobals, sealGlobals } from "../../src/protocol/kept-globals.ts";
import { openEngine } from "./setup/engines.ts";
import { benignValue, endOf, type Target } from "./setup/target.ts";

const UNKNOWN = { code: 400, kind: "unknown_session" };

let target: Target;
const backend = memory();
const store = createContextStore(backend);
beforeAll(async () => {
  // One worker only: every run follows another on it.
  target = await openEngine("quickjs", { maxWorkers: 1, context: backend });
});
afterAll(async () => {
  await target[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

const keeping = async (): Promise<string> =>
  (await target.optimizer.sessions.create({ keepGlobals: true })).id;
const resultOf = async (code: string, session: string): Promise<unknown> => {
  const result = await target.run(code, { session });
  return result.status === "returned" ? result.value : endOf(result);
};
const globalsOf = (session: string): SessionContext => store.open({ session, area: "globals" });

/** The globals that a session has stored. */
async function storedOf(session: string) {
  const value = await globalsOf(session).get("quickjs");
  const fields = typeof value === "string" ? parseJson(value) : undefined;
  if (!isJsonObject(fields) || typeof fields.snapshot !== "string") expect.fail("Nothing is stored.");
  const globals = parseKeptGlobals({ ...fields, snapshot: decodeBase64(fields.snapshot) });
  if (globals === undefined) expect.fail("It can't be read.");
  return globals;
}

const store64 = (globals: { readonly snapshot: Uint8Array }): string =>
  JSON.stringify({ ...globals, snapshot: encodeBase64(globals.snapshot) });

const POLLUTE = `
  globalThis.secret = "LEAKED";
  Object.prototype.polluted = "LEAKED";
  Array.prototype.map = () => ["LEAKED"];
  const { parse } = JSON;
  JSON.parse = (text) => ({ ...parse(text), polluted: "LEAKED" });
  Promise.prototype.catch = () => "LEAKED";
  ToolError.prototype.message = "LEAKED";
  tools.left = "LEAKED"; context.left = "LEAKED"; console.log = () => "LEAKED"; return 1`;
const PROBE = `return [typeof secret, ({}).polluted ?? null, [1].map((n) => n + 1)[0], JSON.parse("{}").polluted ?? null,
  await Promise.resolve(2).catch(() => {}), tools.left === "LEAKED", context.left ?? null, await tools.page.echo({ n: 3 })]`;
const CLEAN = ["undefined", null, 2, null, 2, false, null, { n: 3 }];

describe("a session that wants the globals of another one", () => {
  test("sees nothing of them, nor of what was done to their realm", async () => {
    const [one, two] = [await keeping(), await keeping()];
    await target.run(POLLUTE, { session: one });
    for (const session of [two, "default", (await target.optimizer.sessions.create()).id])
      expect(await resultOf(PROBE, session)).toEqual(CLEAN);
    await target.run("globalThis.mine = 2", { session: two });
    expect(await resultOf("return [typeof mine, secret]", one)).toEqual(["undefined", "LEAKED"]);
    expect(await resultOf("return [mine, typeof secret]", two)).toEqual([2, "undefined"]);
  });

  test("gets nothing by having them copied into its own place in the store", async () => {
    const [one, two] = [await keeping(), await keeping()];
    await target.run("globalThis.secret = 'LEAKED'", { session: one });
    await globalsOf(two).set("quickjs", store64(await storedOf(one)));
    expect(await resultOf("return typeof secret", two)).toBe("undefined");
    // Control: in their own session they are used.
    expect(await resultOf("return secret", one)).toBe("LEAKED");
  });
});

describe("stored globals that somebody changed", () => {
  test("are not used when their digest does not fit", async () => {
    const session = await keeping();
    await target.run("globalThis.n = 1", { session });
    const globals = await storedOf(session);
    const { snapshot } = globals;
    snapshot[snapshot.length >> 1] = (snapshot[snapshot.length >> 1] ?? 0) ^ 1;
    await globalsOf(session).set("quickjs", store64(globals));
    expect(await resultOf("return typeof n", session)).toBe("undefined");
  });

  test.for(["a bomb", "noise", "nothing"])(
    "and sealed again do no more than end their run: %s",
    async (what) => {
      const session = await keeping();
      await target.run("globalThis.n = 1", { session });
      const { engine } = await storedOf(session);
      const bytes =
        what === "a bomb"
          ? new Uint8Array(200 * 1024 * 1024)
          : new Uint8Array(what === "noise" ? 60_000 : 0).map((_, at) => (at * 7919) % 251);
      const snapshot = what === "noise" ? bytes : ((await gzip(bytes, 2 ** 24)) ?? bytes);
      await globalsOf(session).set("quickjs", store64(await sealGlobals({ engine, session, snapshot })));
      expect(await resultOf("return 1", session)).toMatch(/^stopped\/(?:crashed|memory)/);
      expect(await benignValue(target)).toBe(42);
    },
  );

  test("and crash with their run are dropped, so that the next one works", async () => {
    const session = await keeping();
    await target.run("globalThis.n = 1", { session });
    const { engine } = await storedOf(session);
    const sealed = await sealGlobals({ engine, session, snapshot: Uint8Array.of(1, 2, 3) });
    await globalsOf(session).set("quickjs", store64(sealed));
    expect(await resultOf("return 1", session)).toBe("stopped/crashed 500");
    expect(await resultOf("return typeof n", session)).toBe("undefined");
  });
});

describe("who holds the id of a session that has ended", () => {
  test("gets neither a run nor a session under it", async () => {
    const { sessions } = target.optimizer;
    const { id } = await sessions.create();
    await target.run("await context.set('secret', 'LEAKED')", { session: id });
    await sessions.close(id);
    const calls = target.calls.length;
    await expect(target.run("return await tools.page.echo({})", { session: id })).rejects.toMatchObject(
      UNKNOWN,
    );
    expect(await target.optimizer.execute({ intent: "page.echo", id: 1 }, { session: id })).toMatchObject({
      error: { code: 400, data: { kind: "unknown_session" } },
    });
    expect(target.calls.length).toBe(calls);
    for await (const key of backend.keys("1/index/")) expect(key).not.toContain(id);
  });
});

describe("a program that wants its words in the log", () => {
  test("finds no place for them", async () => {
    const session = (await target.optimizer.sessions.create()).id;
    await target.run(
      `console.log("LEAKED");
       await tools.page.LEAKED({}).catch(() => {});
       await tools.page.echo({ LEAKED: "LEAKED" });
       throw Object.assign(new Error("LEAKED"), { name: "LEAKED", kind: "LEAKED", hint: "LEAKED" })`,
      { session },
    );
    const log = JSON.stringify(await target.optimizer.sessions.log(session));
    expect(log).not.toContain("LEAKED");
    // Control: the run itself is there.
    expect(log).toContain("page.echo");
  });
});
