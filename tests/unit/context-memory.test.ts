import { expect, test } from "vitest";
import { memory } from "../../src/context/session-context.ts";

test("keeps JSON texts by key, in the order in which they came", async () => {
  const context = memory().open("a");
  expect(await context.get("x")).toBeUndefined();
  await context.set("x", '{"n":1}');
  await context.set("__proto__", "2");
  await context.set("x", '{"n":3}');
  expect(await context.get("x")).toBe('{"n":3}');
  expect(await context.keys()).toEqual(["x", "__proto__"]);
  expect([await context.delete("x"), await context.delete("x")]).toEqual([true, false]);
  expect(await context.keys()).toEqual(["__proto__"]);
});

test("one session sees nothing of another, and the same session sees itself", async () => {
  const store = memory();
  await store.open("a").set("x", "1");
  expect(await store.open("b").get("x")).toBeUndefined();
  expect(await store.open("a").get("x")).toBe("1");
  store.delete("a");
  expect(await store.open("a").get("x")).toBeUndefined();
});

test("a session holds its size in bytes, keys included, and not one more", async () => {
  const context = memory({ maxSessionBytes: 10 }).open("a");
  await context.set("é", '"123456"');
  await expect(context.set("k", "")).rejects.toMatchObject({
    code: 429,
    kind: "context_full",
    message: "The session's context would hold 11 bytes of 10.",
    hint: expect.stringContaining("context.delete"),
  });
  expect(await context.keys()).toEqual(["é"]);
});

test("replacing and deleting give their room back, and a refused value leaves the old one", async () => {
  const context = memory({ maxSessionBytes: 10 }).open("a");
  for (let round = 0; round < 5; round += 1) {
    await context.set("k", '"1234567"');
    await context.set("k", '"7654321"');
    await expect(context.set("k", '"12345678"')).rejects.toMatchObject({ code: 429 });
    expect(await context.get("k")).toBe('"7654321"');
    await context.delete("k");
    await context.delete("k");
  }
});

test("the session unused longest goes first", async () => {
  const store = memory({ maxSessions: 2 });
  await store.open("a").set("x", "1");
  await store.open("b").set("x", "2");
  store.open("a");
  await store.open("c").set("x", "3");
  expect(await store.open("a").get("x")).toBe("1");
  expect(await store.open("c").get("x")).toBe("3");
  expect(await store.open("b").get("x")).toBeUndefined();
});
