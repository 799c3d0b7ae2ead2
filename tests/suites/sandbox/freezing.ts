import { expect } from "vitest";
import { type FrozenRun, parseFrozenRun } from "../../../src/protocol/frozen-run.ts";
import { resolveLimits } from "../../../src/sandbox/limits.ts";
import { recordingPort } from "../recording-port.ts";
import { javascript, python, type SandboxCase, typescript } from "../sandbox-case.ts";
import { askingPort, resume, resumedValue, suspend, yes } from "../suspended-run.ts";

const freezing = (one: SandboxCase): SandboxCase => ({ ...one, freezes: true });
const notFreezing = (one: SandboxCase): SandboxCase => ({ ...one, freezes: false });

const NEEDS_APPROVAL = { code: 403, kind: "approval_required", tool: "srv.ask" };

export const FREEZING_CASES: readonly SandboxCase[] = [
  freezing(
    javascript("suspends a program whose call is held, and goes on with the answer", async (place) => {
      const { frozen, held } = await suspend(
        place,
        "const before = 40; const answer = await tools.srv.ask({ q: 1 }); return [answer, before + 2]",
      );
      expect(held).toEqual([1]);
      expect(frozen.calls).toEqual([
        { id: 1, operation: "tool", target: "srv.ask", args: '{"q":1}', held: true },
      ]);
      expect(await resumedValue(place, frozen, { replies: [yes(1)] })).toEqual(["yes", 42]);
      // The worker serves others.
      expect(await place.value("return 1")).toBe(1);
    }),
  ),
  freezing(
    javascript("goes on with an error, which the program may catch", async (place) => {
      const { frozen } = await suspend(
        place,
        "try { await tools.srv.ask({}) } catch (error) { return [error.name, error.kind, error.message, error instanceof ToolError] }",
      );
      const error = { name: "ToolError", message: "Denied.", kind: "denied", code: 403 };
      expect(await resumedValue(place, frozen, { replies: [{ id: 1, ok: false, error }] })).toEqual([
        "ToolError",
        "denied",
        "Denied.",
        true,
      ]);
    }),
  ),
  freezing(
    javascript("makes a held call again when it is told to", async (place) => {
      const { frozen } = await suspend(place, "return await tools.srv.ask({ q: 2 })");
      const port = recordingPort();
      expect(await resumedValue(place, frozen, { again: [1], port })).toEqual({ q: 2 });
      expect(port.calls).toEqual([{ id: 1, operation: "tool", target: "srv.ask", args: '{"q":2}' }]);
    }),
  ),
  freezing(
    javascript("waits for the other calls first, and keeps their answers", async (place) => {
      const { frozen, held } = await suspend(
        place,
        "return await Promise.all([tools.srv.echo(1), tools.srv.ask({}), tools.srv.echo(3)])",
      );
      expect(held).toEqual([2]);
      expect(frozen.calls.map(({ id }) => id)).toEqual([2]);
      const port = recordingPort();
      expect(await resumedValue(place, frozen, { replies: [yes(2)], port })).toEqual([1, "yes", 3]);
      expect(port.calls).toEqual([]);
    }),
  ),
  freezing(
    javascript("suspends again when one of two held calls is decided", async (place) => {
      const code = `
        const log = [];
        const one = tools.srv.ask(1).then((value) => log.push(value));
        const two = tools.srv.ask(2).then((value) => log.push(value));
        await Promise.all([one, two]);
        return log`;
      const first = await suspend(place, code);
      expect(first.held).toEqual([1, 2]);
      const second = await resume(place, first.frozen, { replies: [yes(2, "b")] });
      if (second.status !== "suspended") expect.fail(JSON.stringify(second));
      expect(second.held).toEqual([1]);
      expect(await resumedValue(place, second.frozen, { replies: [yes(1, "a")] })).toEqual(["b", "a"]);
      // Nothing decided: nothing goes on.
      expect(await resume(place, first.frozen)).toMatchObject({ status: "suspended", held: [1, 2] });
    }),
  ),
  freezing(
    javascript("holds more calls than may be in flight", async (place) => {
      const limits = { maxToolCallsInFlight: 2 };
      const code = "return await Promise.all([1, 2, 3, 4, 5].map((n) => tools.srv.ask(n)))";
      let { frozen, held } = await suspend(place, code, { limits });
      expect(held).toEqual([1, 2]);
      for (const next of [[3, 4], [5]]) {
        const outcome = await resume(place, frozen, { limits, replies: held.map((id) => yes(id, id)) });
        if (outcome.status !== "suspended") expect.fail(JSON.stringify(outcome));
        ({ frozen, held } = outcome);
        expect(held).toEqual(next);
      }
      expect(await resumedValue(place, frozen, { limits, replies: [yes(5, 5)] })).toEqual([1, 2, 3, 4, 5]);
    }),
  ),
  freezing(
    javascript("waits for timers before it freezes, and has working ones after", async (place) => {
      const code = `
        const asked = tools.srv.ask({});
        const early = await new Promise((done) => setTimeout(done, 80, "early"));
        const answer = await asked;
        const late = await new Promise((done) => setTimeout(done, 1, "late"));
        return [early, answer, late]`;
      const { frozen } = await suspend(place, code);
      expect(await resumedValue(place, frozen, { replies: [yes(1)] })).toEqual(["early", "yes", "late"]);
    }),
  ),
  freezing(
    javascript("keeps closures, maps, classes, generators and symbols", async (place) => {
      const code = `
        class Account { #balance = 7; add(n) { this.#balance += n; return this.#balance; } }
        const account = new Account();
        const key = Symbol("key");
        const map = new Map([[key, new Set([1, 2])], ["a", new Date(5)]]);
        function* count() { let n = 0; for (;;) n += yield n; }
        const counter = count(); counter.next(); counter.next(2);
        const add = ((base) => (n) => base + n)(40);
        const weak = new WeakMap([[account, "weak"]]);
        const bytes = new Uint8Array([1, 2, 3]);
        const answer = await tools.srv.ask({});
        return [account.add(1), account instanceof Account, [...map.get(key)], map.get("a").getTime(),
          counter.next(3).value, add(2), weak.get(account), [...bytes], 2n ** 70n === 1180591620717411303424n,
          /b+/.exec("abbc")[0], inputs.n, answer]`;
      const { frozen } = await suspend(place, code, { inputs: { n: 9 } });
      expect(await resumedValue(place, frozen, { replies: [yes(1)] })).toEqual([
        8,
        true,
        [1, 2],
        5,
        5,
        42,
        "weak",
        [1, 2, 3],
        true,
        "bb",
        9,
        "yes",
      ]);
    }),
  ),
  freezing(
    javascript("keeps the globals of the web", async (place) => {
      const code = `
        const url = new URL("https://a.example/p?x=1");
        const encoder = new TextEncoder();
        const answer = await tools.srv.ask({});
        url.searchParams.set("y", answer);
        return [url.href, [...encoder.encode("ü")], structuredClone(new Map([[1, 2]])).get(1), new TextDecoder().decode(new Uint8Array([104, 105]))]`;
      const { frozen } = await suspend(place, code);
      expect(await resumedValue(place, frozen, { replies: [yes(1)] })).toEqual([
        "https://a.example/p?x=1&y=yes",
        [195, 188],
        2,
        "hi",
      ]);
    }),
  ),
  freezing(
    javascript("keeps the pages of a large heap", async (place) => {
      const code = `
        const rows = Array.from({ length: 20000 }, (_, n) => ({ n, text: "row " + n }));
        await tools.srv.ask({});
        return rows.reduce((sum, { n, text }) => sum + n + text.length, 0)`;
      const { frozen } = await suspend(place, code);
      const expected = Array.from({ length: 20000 }, (_, n) => n + `row ${n}`.length);
      expect(await resumedValue(place, frozen, { replies: [yes(1)] })).toBe(
        expected.reduce((sum, n) => sum + n, 0),
      );
    }),
  ),
  freezing(
    javascript("ends twice, each by itself, when it is resumed twice", async (place) => {
      const { frozen } = await suspend(
        place,
        "const list = []; list.push(await tools.srv.ask({})); list.push(1); return list",
      );
      const copy = structuredClone(frozen);
      expect(parseFrozenRun(copy)).toEqual(frozen);
      const [one, two] = await Promise.all([
        resumedValue(place, frozen, { replies: [yes(1, "one")] }),
        resumedValue(place, parseFrozenRun(copy), { replies: [yes(1, "two")] }),
      ]);
      expect([one, two]).toEqual([
        ["one", 1],
        ["two", 1],
      ]);
    }),
  ),
  freezing(
    javascript("goes on in another sandbox of the same version", async (place) => {
      const { frozen } = await suspend(place, "const a = [1]; await tools.srv.ask({}); return a");
      await using other = place.create({});
      expect(await resumedValue(place, frozen, { replies: [yes(1)], sandbox: other })).toEqual([1]);
    }),
  ),
  freezing(
    javascript("goes on counting calls, output and time", async (place) => {
      const calls = { maxToolCalls: 2 };
      const first = await suspend(
        place,
        "await tools.srv.echo(1); await tools.srv.ask(2); await tools.srv.echo(3)",
        {
          limits: calls,
        },
      );
      expect(await resume(place, first.frozen, { limits: calls, replies: [yes(2)] })).toMatchObject({
        status: "stopped",
        reason: "tool_calls",
      });
      const output = { maxOutputBytes: 1_000 };
      const second = await suspend(
        place,
        'console.log("x".repeat(500)); await tools.srv.ask({}); console.log("x".repeat(500))',
        { limits: output },
      );
      expect(await resume(place, second.frozen, { limits: output, replies: [yes(1)] })).toMatchObject({
        status: "stopped",
        reason: "output",
      });
      const spin = "for (const end = Date.now() + 300; Date.now() < end; );";
      const time = { timeoutMs: 500 };
      const third = await suspend(place, `${spin} await tools.srv.ask({}); ${spin} return 1`, {
        limits: time,
      });
      expect(third.frozen.spent.guestMs).toBeGreaterThan(290);
      expect(await resume(place, third.frozen, { limits: time, replies: [yes(1)] })).toMatchObject({
        status: "stopped",
        reason: "timeout",
      });
    }),
  ),
  freezing(
    javascript("holds the memory limit after it", async (place) => {
      const code = `
        const held = [new Uint8Array(1e6)];
        await tools.srv.ask({});
        for (;;) held.push(new Uint8Array(1e6))`;
      const limits = { memoryBytes: 16 * 1024 * 1024 };
      const { frozen } = await suspend(place, code, { limits });
      expect(await resume(place, frozen, { limits, replies: [yes(1)] })).toMatchObject({
        status: "stopped",
        reason: "memory",
      });
    }),
  ),
  freezing(
    typescript("has the places of errors in the program's own text", async (place) => {
      const code = `const n: number = 1;
interface Unused { readonly a: string }
await tools.srv.ask({ n });
const broken = (): never => { throw new Error("late") };
broken();`;
      const { frozen } = await suspend(place, code);
      const outcome = await resume(place, frozen, { replies: [yes(1)] });
      if (outcome.status !== "threw") expect.fail(JSON.stringify(outcome));
      // As if it had never been frozen.
      expect(outcome.error).toEqual(await place.error(code));
      expect(outcome.error).toMatchObject({ message: "late", line: 4 });
    }),
  ),
  freezing(
    javascript("tells of a call that fails after it where the program made it", async (place) => {
      const { frozen } = await suspend(place, "const a = 1;\nawait tools.srv.ask({});");
      const error = { name: "ToolError", message: "Denied.", kind: "denied", code: 403 };
      expect(await resume(place, frozen, { replies: [{ id: 1, ok: false, error }] })).toMatchObject({
        status: "threw",
        error: { message: "Denied.", kind: "denied", line: 2 },
      });
    }),
  ),
  freezing(
    javascript("delivers each line of the log once", async (place) => {
      const port = askingPort();
      const { frozen } = await suspend(
        place,
        "console.log('before'); await tools.srv.ask({}); console.log('after')",
        { port },
      );
      expect(port.logs.map(({ text }) => text)).toEqual(["before"]);
      const later = recordingPort();
      await resume(place, frozen, { replies: [yes(1)], port: later });
      expect(later.logs.map(({ text }) => text)).toEqual(["after"]);
    }),
  ),
  freezing(
    javascript("does not count the wait for a decision as one for tools", async (place) => {
      const { frozen } = await suspend(place, "await tools.srv.ask({}); return 1");
      expect(frozen.spent.toolWaitMs).toBeLessThan(1_000);
      const limits = { toolWaitMs: 1_000 };
      expect(await resumedValue(place, frozen, { limits, replies: [yes(1)] })).toBe(1);
    }),
  ),
  freezing(
    javascript("fails a held call of a program that holds too much to be stored", async (place) => {
      const code = `
        const noise = crypto.getRandomValues(new Uint8Array(60000));
        try { await tools.srv.ask({}) } catch (error) { return [error.kind, error.code] }`;
      expect(await place.value(code, { port: askingPort(), limits: { maxMessageBytes: 20_000 } })).toEqual([
        "snapshot_too_large",
        429,
      ]);
    }),
  ),
  freezing(
    javascript("can be cancelled while it freezes and after it was resumed", async (place) => {
      const { frozen } = await suspend(place, "await tools.srv.ask({}); for (;;) await tools.srv.wait({})");
      const controller = new AbortController();
      const port = recordingPort(() => new Promise(() => {}));
      const running = resume(place, frozen, { replies: [yes(1)], port, signal: controller.signal });
      await port.called(1);
      controller.abort();
      expect(await running).toMatchObject({ status: "stopped", reason: "cancelled" });
    }),
  ),
  freezing(
    javascript("tells of a program that waits for tools, as it could go on", async (place) => {
      const release = Promise.withResolvers<void>();
      const stored = Promise.withResolvers<FrozenRun>();
      const port = recordingPort(async ({ args }) => {
        if (args === "1") await release.promise;
        return { ok: true, json: args };
      });
      await using session = place.sandbox.open("suite", resolveLimits({}));
      const code = `
        const [fast, slow] = await Promise.all([tools.srv.echo(0), tools.srv.echo(1).catch((error) => error.kind)]);
        return [fast, slow, await tools.srv.echo(2)]`;
      const running = session.run(
        { language: "javascript", code, inputs: "{}" },
        port,
        new AbortController().signal,
        { onCheckpoint: stored.resolve },
      );
      const frozen = await stored.promise;
      expect(frozen.calls).toMatchObject([{ id: 2, target: "srv.echo", args: "1", held: false }]);
      release.resolve();
      // The run itself goes on.
      expect(await running).toMatchObject({ status: "returned", json: "[0,1,2]" });
      expect(await resumedValue(place, frozen, {})).toEqual([0, "unknown_outcome", 2]);
      const known = recordingPort();
      expect(await resumedValue(place, frozen, { replies: [yes(2, "late")], port: known })).toEqual([
        0,
        "late",
        2,
      ]);
      expect(known.calls.map(({ id }) => id)).toEqual([3]);
    }),
  ),
  freezing(
    javascript("refuses a frozen run that is not its own", async (place) => {
      const { frozen } = await suspend(place, "return await tools.srv.ask({})");
      const integrity = { code: 403, kind: "integrity" };
      const rejects = (changed: FrozenRun, error: object, session?: string) =>
        expect(
          resume(place, changed, { replies: [yes(1)], ...(session === undefined ? {} : { session }) }),
        ).rejects.toMatchObject(error);
      await rejects(frozen, integrity, "other");
      const { snapshot } = structuredClone(frozen);
      snapshot[snapshot.length >> 1] = (snapshot[snapshot.length >> 1] ?? 0) ^ 1;
      await rejects({ ...frozen, snapshot }, integrity);
      await rejects({ ...frozen, program: { ...frozen.program, code: "return 666" } }, integrity);
      await rejects({ ...frozen, spent: { ...frozen.spent, guestMs: 0 } }, integrity);
      await rejects({ ...frozen, calls: frozen.calls.map((call) => ({ ...call, held: false })) }, integrity);
      await rejects({ ...frozen, engine: "0".repeat(64) }, { code: 400, kind: "snapshot_outdated" });
      const unknown = resume(place, frozen, { replies: [yes(7)] });
      await expect(unknown).rejects.toMatchObject({ code: 400, kind: "invalid_resume" });
      const twice = resume(place, frozen, { replies: [yes(1)], again: [1] });
      await expect(twice).rejects.toMatchObject({ code: 400, kind: "invalid_resume" });
    }),
  ),
  notFreezing(
    javascript("fails a held call of a program that it can't freeze", async ({ value }) => {
      const code =
        "try { await tools.srv.ask({}) } catch ({ code, kind, tool }) { return { code, kind, tool } }";
      expect(await value(code, { port: askingPort() })).toEqual(NEEDS_APPROVAL);
    }),
  ),
  python("fails a held call of a Python program", async ({ value }) => {
    const code =
      "try:\n  await tools.srv.ask({})\nexcept ToolError as error:\n  result = {'code': error.code, 'kind': error.kind, 'tool': error.tool}\nresult";
    expect(await value(code, { port: askingPort() })).toEqual(NEEDS_APPROVAL);
  }),
];
