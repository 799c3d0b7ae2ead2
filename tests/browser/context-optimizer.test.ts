import { expect, test } from "vitest";
import { createOptimizer, indexedDb, memory, type OptimizerOptions, SandboxFrame } from "../../src/index.ts";
import { quickjs } from "../../src/sandbox/browser/quickjs.ts";
import { collect } from "../suites/context-case.ts";
import { deleteRaw } from "./setup/raw-database.ts";

const tools = { ping: { call: () => "pong" } };

/** The value of a program in an engine of its own, and what the engine says of its contexts. */
async function runOnce(code: string, options: Partial<OptimizerOptions> = {}, session = "s") {
  await using frame = new SandboxFrame();
  await using sandbox = quickjs({ frame });
  await using optimizer = await createOptimizer({ tools, frame, sandboxes: [sandbox], ...options });
  const result = await optimizer.run({ language: "javascript", code }, { session });
  return {
    value: result.status === "returned" ? result.value : result,
    health: optimizer.context.health,
    sessions: await collect(optimizer.context.sessions(options.tenant)),
    read: await optimizer.context
      .open({ session, ...(options.tenant === undefined ? {} : { tenant: options.tenant }) })
      .get("n"),
  };
}

const COUNT = 'const n = (await context.get("n") ?? 0) + 1; await context.set("n", n); return n';

test("a session's context outlives the engine, without any option", async () => {
  const session = `kept-${performance.timeOrigin}`;
  expect((await runOnce(COUNT, {}, session)).value).toBe(1);
  const again = await runOnce(COUNT, {}, session);
  expect(again).toMatchObject({ value: 2, read: "2", health: { state: "durable" } });
  expect(again.sessions.filter(({ name }) => name === session)).toEqual([
    // With the log of its runs.
    { name: session, bytes: expect.any(Number), lastUsedAt: expect.any(Number) },
  ]);
});

test("a place of the caller's own is used, kept apart by tenant, and left open", async () => {
  await using place = memory({ maxSessionBytes: 100 });
  expect(await runOnce(COUNT, { context: place })).toMatchObject({
    value: 1,
    health: { state: "volatile", reason: "in_memory" },
  });
  expect((await runOnce(COUNT, { context: place })).value).toBe(2);
  expect((await runOnce(COUNT, { context: place, tenant: "another" })).value).toBe(1);
  const full = await runOnce('await context.set("n", "x".repeat(200))', { context: place });
  expect(full.value).toMatchObject({
    status: "threw",
    error: { code: 429, kind: "context_full", hint: expect.stringContaining("context.delete") },
  });
  expect(full.read).toBe("2");
});

test("an engine that ended reads no more, and leaves a place of the caller's open", async () => {
  const name = `engine-${performance.timeOrigin}`;
  await using place = indexedDb({ name });
  const optimizer = await createOptimizer({ tools, context: place });
  const kept = optimizer.context.open({ session: "s" });
  await optimizer.run({ code: COUNT }, { session: "s" });
  await optimizer[Symbol.asyncDispose]();
  await expect(kept.get("n")).rejects.toMatchObject({ code: 500, kind: "closed" });
  expect(await place.read(["1/value//s/context/n"])).toEqual(["1"]);
  await place[Symbol.asyncDispose]();
  await expect(place.read([])).rejects.toMatchObject({ code: 500, kind: "closed" });
  await deleteRaw(name);
});
