import { expect } from "vitest";
import type { ContextStore } from "../../../src/context/context-store.ts";
import { type ContextCase, collect } from "../context-case.ts";

const names = async (store: ContextStore): Promise<readonly string[]> =>
  (await collect(store.sessions())).map(({ name }) => name).toSorted();

export const CONTEXT_LIMIT_CASES: readonly ContextCase[] = [
  {
    name: "a session holds its size in bytes, keys included, and not one more",
    async run({ createStore }) {
      const context = createStore({ limits: { maxSessionBytes: 10 } }).open({ session: "a" });
      await context.set("é", '"123456"');
      await expect(context.set("k", "")).rejects.toMatchObject({
        code: 429,
        kind: "context_full",
        message: "The session's context would hold 11 bytes of 10.",
        hint: expect.stringContaining("context.delete"),
      });
      expect(await context.keys()).toEqual(["é"]);
    },
  },
  {
    name: "replacing and deleting give their room back, and a refused value leaves the old one",
    async run({ createStore }) {
      const context = createStore({ limits: { maxSessionBytes: 10 } }).open({ session: "a" });
      for (let round = 0; round < 5; round += 1) {
        await context.set("k", '"1234567"');
        await context.set("k", '"7654321"');
        await expect(context.set("k", '"12345678"')).rejects.toMatchObject({ code: 429 });
        await expect(context.update("k", () => '"12345678"')).rejects.toMatchObject({ code: 429 });
        expect(await context.get("k")).toBe('"7654321"');
        await context.delete("k");
        await context.delete("k");
      }
    },
  },
  {
    name: "all areas of a session share its size, and bytes count as they are",
    async run({ createStore }) {
      const store = createStore({ limits: { maxSessionBytes: 10 } });
      await store.open({ session: "a", area: "engine" }).set("k", new Uint8Array(8));
      await expect(store.open({ session: "a" }).set("k", "1")).rejects.toMatchObject({
        kind: "context_full",
      });
      await store.open({ session: "b" }).set("k", "1");
    },
  },
  {
    name: "a session holds so many keys and no more",
    async run({ createStore }) {
      const context = createStore({ limits: { maxSessionKeys: 2 } }).open({ session: "a" });
      await context.set("a", "1");
      await context.set("b", "1");
      await expect(context.set("c", "1")).rejects.toMatchObject({
        kind: "context_full",
        message: "The session's context would hold 3 keys of 2.",
      });
      await context.set("a", "2");
      await context.delete("a");
      await context.set("c", "1");
    },
  },
  {
    name: "a session that is larger than it may be now can still shrink",
    async run({ createStore }) {
      await createStore().open({ session: "a" }).set("k", '"1234567"');
      await createStore().open({ session: "a" }).set("l", '"1234567"');
      const context = createStore({ limits: { maxSessionBytes: 5 } }).open({ session: "a" });
      await expect(context.set("m", "1")).rejects.toMatchObject({ kind: "context_full" });
      await context.set("k", '"123"');
      expect(await context.delete("l")).toBe(true);
    },
  },
  {
    name: "in all: the session unused longest goes first",
    async run({ createStore, pass }) {
      const store = createStore({ limits: { maxTotalBytes: 30 } });
      for (const session of ["a", "b", "c"]) {
        await store.open({ session }).set("k", "123456789");
        pass(10);
      }
      await store.open({ session: "a" }).get("k");
      pass(10);
      await store.open({ session: "d" }).set("k", "1");
      expect(await names(store)).toEqual(["a", "c", "d"]);
      expect(await store.open({ session: "b" }).get("k")).toBeUndefined();
      expect(await store.open({ session: "a" }).get("k")).toBe("123456789");
    },
  },
  {
    name: "in all: as many go as it takes, those that expired before all others, and the one being written never",
    async run({ createStore, pass, now }) {
      const store = createStore({ limits: { maxTotalBytes: 40 } });
      for (const session of ["old", "b", "c", "expired"]) {
        await store.open({ session }).set("k", "123456789");
        pass(10);
      }
      await store.open({ session: "expired" }).setExpiry(now() + 1);
      pass(10);
      await store.open({ session: "b" }).touch();
      pass(10);
      await store.open({ session: "old" }).set("l", "1");
      expect(await names(store)).toEqual(["b", "c", "old"]);
      await store.open({ session: "old" }).set("l", "x".repeat(17));
      expect(await names(store)).toEqual(["b", "old"]);
      await expect(store.open({ session: "old" }).set("l", "x".repeat(30))).rejects.toMatchObject({
        code: 429,
        kind: "storage_full",
        hint: expect.stringContaining("drop sessions"),
      });
      expect(await names(store)).toEqual(["b", "old"]);
    },
  },
  {
    name: "in all: so many sessions are kept",
    async run({ createStore, pass }) {
      const store = createStore({ limits: { maxSessions: 2 } });
      for (const session of ["a", "b", "c", "d"]) {
        await store.open({ session }).set("k", "1");
        pass(10);
      }
      expect(await names(store)).toEqual(["c", "d"]);
      await store.open({ session: "c" }).delete("k");
      await store.open({ session: "e" }).set("k", "1");
      expect(await names(store)).toEqual(["d", "e"]);
    },
  },
  {
    name: "in all: limits hold when many write at one time",
    async run({ createStore, createOther }) {
      const limits = { maxTotalBytes: 100, maxSessions: 5 };
      const stores = [createStore({ limits }), createOther({ limits })] as const;
      await Promise.all(
        Array.from({ length: 30 }, (_, at) =>
          (at % 2 === 0 ? stores[0] : stores[1]).open({ session: `s${at}` }).set("key", "1234567"),
        ),
      );
      for (const store of stores) {
        const kept = await collect(store.sessions());
        expect(kept.length).toBe(5);
        expect(kept.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(50);
      }
    },
  },
  {
    name: "a count in all that is wrong or can't be read is taken anew",
    async run({ createStore, backend }) {
      const store = createStore({ limits: { maxTotalBytes: 30 } });
      await store.open({ session: "a" }).set("k", "1");
      const [count = ""] = (await collect(backend.keys("1/"))).filter((key) => key.includes("totals"));
      for (const text of [
        '{"format":1,"bytes":29,"sessions":1}',
        "{",
        '{"format":1,"bytes":-5,"sessions":1}',
      ]) {
        await backend.change([], () => ({ records: new Map([[count, text]]), result: undefined }));
        await store.open({ session: "a" }).set("l", "123456789");
        expect(await backend.read([count])).toEqual(['{"format":1,"bytes":12,"sessions":1}']);
        await store.open({ session: "a" }).delete("l");
      }
    },
  },
];
