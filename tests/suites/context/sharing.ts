import { expect } from "vitest";
import type { ContextChange } from "../../../src/context/session-context.ts";
import { type ContextCase, collect, until } from "../context-case.ts";

export const CONTEXT_SHARING_CASES: readonly ContextCase[] = [
  {
    name: "tells of changes after they are kept, of its area alone, until nobody listens",
    async run({ createStore, pass }) {
      const store = createStore();
      const context = store.open({ session: "a" });
      const heard: ContextChange[] = [];
      const stop = context.onChange((change) => heard.push(change));
      await context.set("x/y", "1");
      await context.update("x/y", () => "2");
      await store.open({ session: "b" }).set("x", "1");
      await store.open({ session: "a", area: "engine" }).set("x", "1");
      await context.delete("x/y");
      await context.delete("x/y");
      await context.set("short", "1", { ttlMs: 1 });
      pass(1);
      await context.set("z", "1");
      await store.drop({ session: "a" });
      stop();
      await context.set("x", "1");
      const set = { type: "set", elsewhere: false };
      const gone = { type: "delete", elsewhere: false };
      expect(heard).toEqual([
        { key: "x/y", ...set },
        { key: "x/y", ...set },
        { key: "x/y", ...gone },
        { key: "short", ...set },
        { key: "z", ...set },
        { key: "short", ...gone },
        { key: "z", ...gone },
      ]);
    },
  },
  {
    name: "a listener that throws keeps nobody from hearing, and the change is kept",
    async run({ createStore }) {
      const context = createStore().open({ session: "a" });
      const reported: unknown[] = [];
      const heard: string[] = [];
      const report = globalThis.reportError;
      globalThis.reportError = (error) => reported.push(error);
      try {
        context.onChange(() => {
          throw new Error("mine");
        });
        context.onChange(({ key }) => heard.push(key));
        await context.set("x", "1");
      } finally {
        globalThis.reportError = report;
      }
      expect([heard, reported]).toEqual([["x"], [new Error("mine")]]);
    },
  },
  {
    name: "another store over the same records sees what was acknowledged, and hears of it",
    async run({ createStore, createOther }) {
      const here = createStore().open({ session: "a" });
      const there = createOther().open({ session: "a" });
      await there.keys();
      const heard: string[] = [];
      there.onChange(({ key, type }) => heard.push(`${type} ${key}`));
      await here.set("x", "1");
      expect(await there.get("x")).toBe("1");
      await there.set("y", "2");
      expect(await here.keys()).toEqual(["x", "y"]);
      await here.delete("x");
      expect(await there.keys()).toEqual(["y"]);
      await until(() => heard.length >= 3);
      expect(heard.toSorted()).toEqual(["delete x", "set x", "set y"]);
    },
  },
  {
    name: "a session that can't be read fails by itself, is left as it is, and can be dropped",
    async run({ createStore, backend }) {
      const store = createStore();
      const context = store.open({ session: "bad" });
      await context.set("k", "1");
      await store.open({ session: "good" }).set("k", "1");
      const [index = ""] = (await collect(backend.keys("1/index/"))).filter((key) => key.endsWith("bad"));
      for (const [text, kind] of [
        ["", "corrupt_record"],
        ['{"format":1}', "corrupt_record"],
        ['{"format":1,"lastUsedAt":1,"entries":[["a","b",-1]]}', "corrupt_record"],
        [new Uint8Array([1]), "corrupt_record"],
        ['{"format":2,"what":"ever"}', "newer_record"],
      ] as const) {
        await backend.change([], () => ({ records: new Map([[index, text]]), result: undefined }));
        const failure = { code: 500, kind };
        await expect(context.get("k")).rejects.toMatchObject(failure);
        await expect(context.set("k", "2")).rejects.toMatchObject(failure);
        await expect(context.keys()).rejects.toMatchObject(failure);
        expect(await backend.read([index])).toEqual([text]);
        expect(await store.open({ session: "good" }).get("k")).toBe("1");
        expect(await collect(store.sessions())).toMatchObject([{ name: "good" }]);
        expect(await store.collect()).toBe(0);
        expect(await backend.read([index])).toEqual([text]);
      }
      expect(await store.drop({ session: "bad" })).toBe(true);
      expect((await collect(backend.keys(""))).length).toBe(3);
      await context.set("k", "3");
      expect(await context.get("k")).toBe("3");
    },
  },
  {
    name: "a value that can't be read fails by itself, until it is written anew",
    async run({ createStore, backend }) {
      const store = createStore();
      const context = store.open({ session: "a" });
      await context.set("bad", "12345");
      await context.set("good", "1");
      const [key = ""] = (await collect(backend.keys("1/value/"))).filter((name) => name.endsWith("bad"));
      for (const record of ["1234", new Uint8Array(4), undefined]) {
        await backend.change([], () => ({ records: new Map([[key, record]]), result: undefined }));
        const failure = { code: 500, kind: "corrupt_record" };
        await expect(context.get("bad")).rejects.toMatchObject(failure);
        await expect(context.update("bad", () => "1")).rejects.toMatchObject(failure);
        expect(await backend.read([key])).toEqual([record]);
        expect(await collect(context.entries())).toEqual([["good", "1"]]);
      }
      const { state, reason } = store.health;
      expect(state === "volatile" || reason === "corrupt_record").toBe(true);
      await context.set("bad", "1");
      expect(await context.get("bad")).toBe("1");
    },
  },
];
