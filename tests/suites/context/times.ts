import { expect } from "vitest";
import { type ContextCase, collect, until } from "../context-case.ts";

export const CONTEXT_TIME_CASES: readonly ContextCase[] = [
  {
    name: "a value lives as long as it was given, and not a millisecond longer",
    async run({ createStore, pass }) {
      const context = createStore().open({ session: "a" });
      await context.set("short", "1", { ttlMs: 100 });
      await context.set("long", "2");
      pass(99);
      expect(await context.get("short")).toBe("1");
      pass(1);
      expect(await context.get("short")).toBeUndefined();
      expect(await context.keys()).toEqual(["long"]);
      expect(await collect(context.entries())).toEqual([["long", "2"]]);
      expect(await context.delete("short")).toBe(false);
      expect(await context.update("short", (value) => value ?? '"anew"')).toBe('"anew"');
    },
  },
  {
    name: "writing a value anew gives it a new time, or none",
    async run({ createStore, pass }) {
      const context = createStore().open({ session: "a" });
      await context.set("x", "1", { ttlMs: 100 });
      await context.set("y", "1", { ttlMs: 100 });
      pass(60);
      await context.set("x", "2", { ttlMs: 100 });
      await context.update("y", () => "2");
      pass(60);
      expect(await context.get("x")).toBe("2");
      pass(1_000_000);
      expect([await context.get("x"), await context.get("y")]).toEqual([undefined, "2"]);
    },
  },
  {
    name: "what expired gives its room back with the next change, and by collect()",
    async run({ createStore, pass, backend }) {
      const store = createStore({ limits: { maxSessionBytes: 10 } });
      const context = store.open({ session: "a" });
      await context.set("x", "123456789", { ttlMs: 100 });
      await expect(context.set("y", "1")).rejects.toMatchObject({ code: 429, kind: "context_full" });
      pass(100);
      await context.set("y", "123456789", { ttlMs: 100 });
      await store.open({ session: "b" }).set("z", "1");
      pass(100);
      expect(await store.collect()).toBe(10);
      expect(await collect(store.sessions())).toMatchObject([{ name: "b", bytes: 2 }]);
      expect((await collect(backend.keys(""))).length).toBe(3);
      expect(await store.collect()).toBe(0);
    },
  },
  {
    name: "a session ends as a whole, and begins anew with the next value",
    async run({ createStore, pass, now }) {
      const store = createStore();
      const context = store.open({ session: "a" });
      const engine = store.open({ session: "a", area: "engine" });
      await context.set("x", "1");
      await engine.set("x", "2");
      await context.setExpiry(now() + 100);
      expect(await collect(store.sessions())).toEqual([
        { name: "a", bytes: 4, lastUsedAt: now(), expiresAt: now() + 100 },
      ]);
      pass(100);
      expect([await context.get("x"), await engine.get("x"), await context.keys()]).toEqual([
        undefined,
        undefined,
        [],
      ]);
      expect(await collect(store.sessions())).toEqual([]);
      await context.set("y", "3");
      expect(await collect(store.sessions())).toEqual([{ name: "a", bytes: 2, lastUsedAt: now() }]);
      await context.setExpiry(now() + 100);
      await context.setExpiry(undefined);
      pass(1_000);
      expect(await context.get("y")).toBe("3");
    },
  },
  {
    name: "a session is used by writing, reading and touching, and collect() is no use of it",
    async run({ createStore, pass, now }) {
      const store = createStore({ useDelayMs: 1 });
      const context = store.open({ session: "a" });
      const lastUse = async () => (await collect(store.sessions()))[0]?.lastUsedAt;
      await context.set("x", "1");
      await context.set("gone", "1", { ttlMs: 5 });
      const written = now();
      pass(10);
      await store.collect();
      expect(await lastUse()).toBe(written);
      await context.touch();
      expect(await lastUse()).toBe(now());
      pass(10);
      await context.get("x");
      expect(await lastUse()).toBe(now());
    },
  },
  {
    name: "the time of a reading is written after a while, and not with each one",
    async run({ createStore, createOther, pass, backend, now }) {
      const store = createStore({ useDelayMs: 500 });
      const context = store.open({ session: "a" });
      await context.set("x", "1");
      let changes = 0;
      backend.onChange(() => {
        changes += 1;
      });
      pass(50);
      for (let round = 0; round < 20; round += 1) await context.get("x");
      const other = createOther();
      await until(async () => (await collect(other.sessions()))[0]?.lastUsedAt === now());
      expect(changes).toBe(1);
    },
  },
  {
    name: "closing writes when sessions were read, ends listening, and then refuses",
    async run({ createStore, createOther, pass, now }) {
      const store = createStore({ useDelayMs: 1_000_000 });
      const context = store.open({ session: "a" });
      const heard: unknown[] = [];
      context.onChange((change) => heard.push(change));
      await context.set("x", "1");
      pass(50);
      await context.get("x");
      const setting = context.set("y", "2");
      await store[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await setting;
      const closed = { code: 500, kind: "closed" };
      await expect(context.get("x")).rejects.toMatchObject(closed);
      await expect(context.set("x", "3")).rejects.toMatchObject(closed);
      await expect(store.drop({ session: "a" })).rejects.toMatchObject(closed);
      const other = createOther();
      expect(await collect(other.sessions())).toMatchObject([{ name: "a", lastUsedAt: now() }]);
      expect(await other.open({ session: "a" }).keys()).toEqual(["x", "y"]);
      const before = heard.length;
      await other.open({ session: "a" }).set("z", "3");
      expect(heard.length).toBe(before);
    },
  },
];
