import { expect } from "vitest";
import { type ContextCase, collect } from "../context-case.ts";

export const CONTEXT_VALUE_CASES: readonly ContextCase[] = [
  {
    name: "keeps JSON texts by key, in the order in which they came",
    async run({ createStore }) {
      const context = createStore().open({ session: "a" });
      expect(await context.get("x")).toBeUndefined();
      await context.set("x", '{"n":1}');
      await context.set("__proto__", "2");
      await context.set("x", '{"n":3}');
      expect(await context.get("x")).toBe('{"n":3}');
      expect(await context.get("__proto__")).toBe("2");
      expect(await context.keys()).toEqual(["x", "__proto__"]);
      expect([await context.delete("x"), await context.delete("x")]).toEqual([true, false]);
      expect(await context.keys()).toEqual(["__proto__"]);
    },
  },
  {
    name: "keeps bytes as bytes, in copies of their own both ways",
    async run({ createStore }) {
      const context = createStore().open({ session: "a" });
      const bytes = Uint8Array.from({ length: 70_000 }, (_, at) => at % 256);
      const expected = bytes.slice();
      const setting = context.set("b", bytes.subarray(1, 69_999));
      bytes.fill(7);
      await setting;
      const kept = await context.get("b");
      expect(kept).toEqual(expected.slice(1, 69_999));
      if (kept instanceof Uint8Array) kept.fill(9);
      expect(await context.get("b")).toEqual(expected.slice(1, 69_999));
      await context.set("empty", new Uint8Array());
      expect(await context.get("empty")).toEqual(new Uint8Array());
    },
  },
  {
    name: "refuses what is no value, no key and no time to live, and keeps what was there",
    async run({ createStore }) {
      const context = createStore().open({ session: "a" });
      await context.set("x", "1");
      const refused = { code: 400, kind: "invalid_arguments" };
      for (const value of [undefined, null, 5, {}, new ArrayBuffer(2)])
        await expect(Reflect.apply(context.set, context, ["x", value])).rejects.toMatchObject(refused);
      for (const key of ["", "k".repeat(513), 5, undefined])
        await expect(Reflect.apply(context.set, context, [key, "2"])).rejects.toMatchObject(refused);
      for (const ttlMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
        await expect(context.set("x", "2", { ttlMs })).rejects.toMatchObject(refused);
      expect(await context.get("x")).toBe("1");
    },
  },
  {
    name: "changes a value in one step, however many change it at one time",
    async run({ createStore, createOther }) {
      const here = createStore().open({ session: "a" });
      const there = createOther().open({ session: "a" });
      const changes = Array.from({ length: 40 }, (_, at) =>
        (at % 2 === 0 ? here : there).update("n", (value) => String(Number(value ?? 0) + 1)),
      );
      const seen = await Promise.all(changes);
      expect(seen.map(Number).toSorted((one, other) => one - other)).toEqual(
        Array.from({ length: 40 }, (_, at) => at + 1),
      );
      expect(await here.get("n")).toBe("40");
    },
  },
  {
    name: "an update that gives nothing deletes, and one that throws changes nothing",
    async run({ createStore }) {
      const context = createStore().open({ session: "a" });
      await context.set("x", "1");
      await expect(
        context.update("x", () => {
          throw new RangeError("No.");
        }),
      ).rejects.toThrow(new RangeError("No."));
      expect(await context.get("x")).toBe("1");
      expect(await context.update("x", () => undefined)).toBeUndefined();
      expect(await context.keys()).toEqual([]);
    },
  },
  {
    name: "goes over its values while they change",
    async run({ createStore }) {
      const context = createStore().open({ session: "a" });
      for (const key of ["a", "b", "c", "d"]) await context.set(key, `"${key}"`);
      const seen: string[] = [];
      for await (const [key] of context.entries()) {
        seen.push(key);
        await context.delete("c");
        await context.set("later", "1");
      }
      expect(seen).toEqual(["a", "b", "d"]);
      expect(await collect(context.entries())).toEqual([
        ["a", '"a"'],
        ["b", '"b"'],
        ["d", '"d"'],
        ["later", "1"],
      ]);
    },
  },
  {
    name: "keeps a large text, and many values",
    async run({ createStore }) {
      const context = createStore().open({ session: "a" });
      const large = JSON.stringify("é".repeat(500_000));
      await context.set("large", large);
      expect(await context.get("large")).toBe(large);
      await Promise.all(Array.from({ length: 300 }, (_, at) => context.set(`k${at}`, String(at))));
      expect((await context.keys()).length).toBe(301);
      expect(await context.get("k299")).toBe("299");
    },
  },
];
