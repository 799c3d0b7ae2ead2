import { expect } from "vitest";
import { type ContextCase, collect } from "../context-case.ts";

/** Names that would be one another's if they were only put together. */
const NAMES = [
  "a",
  "a/b",
  "a/b/c",
  "a%002fb",
  "a%2fb",
  "%",
  "/",
  "//",
  "..",
  "1/index/",
  "__proto__",
  "constructor",
  "context",
  "context/a",
  "engine",
  "\0",
  "\uffff",
  "\ud800",
  "\udfff",
  "\ufffd",
  "é",
  "e\u0301",
  "😀",
  " a",
  "A",
];

export const CONTEXT_NAME_CASES: readonly ContextCase[] = [
  {
    name: "one session sees nothing of another, and the same session sees itself",
    async run({ createStore }) {
      const store = createStore();
      await store.open({ session: "a" }).set("x", "1");
      expect(await store.open({ session: "b" }).get("x")).toBeUndefined();
      expect(await store.open({ session: "a" }).get("x")).toBe("1");
      expect(await store.drop({ session: "a" })).toBe(true);
      expect(await store.drop({ session: "a" })).toBe(false);
      expect(await store.open({ session: "a" }).get("x")).toBeUndefined();
    },
  },
  {
    name: "wants another area, session or tenant by the characters of a name: every name stands for itself alone",
    async run({ createStore }) {
      const store = createStore();
      const places = NAMES.flatMap((name) => [
        { place: { session: name }, key: "k" },
        { place: { session: "s", area: name }, key: "k" },
        { place: { session: "s", tenant: name }, key: "k" },
        { place: { session: "s" }, key: name },
        { place: { session: "s", tenant: "t", area: "x" }, key: name },
      ]);
      // `context` is the area of whoever names none: the same place twice.
      const own = places.filter(({ place }) => !("area" in place) || place.area !== "context");
      for (const [at, { place, key }] of own.entries()) await store.open(place).set(key, String(at));
      for (const [at, { place, key }] of own.entries())
        expect(await store.open(place).get(key)).toBe(String(at));
      expect((await store.open({ session: "s" }).keys()).toSorted()).toEqual(NAMES.toSorted());
    },
  },
  {
    name: "wants the engine's data from the guest's area: neither keys nor changes nor values of it show",
    async run({ createStore }) {
      const store = createStore();
      const guest = store.open({ session: "s" });
      const engine = store.open({ session: "s", area: "engine" });
      const heard: unknown[] = [];
      guest.onChange((change) => heard.push(change));
      await engine.set("secret", '"SECRET"');
      for (const key of [
        "secret",
        "engine/secret",
        "../engine/secret",
        "%2e%2e/engine/secret",
        "/engine/secret",
      ]) {
        expect(await guest.get(key)).toBeUndefined();
        expect(await guest.delete(key)).toBe(false);
      }
      expect(await guest.keys()).toEqual([]);
      expect(await collect(guest.entries())).toEqual([]);
      expect(heard).toEqual([]);
      // Control: whoever opens the area has it.
      expect(await engine.get("secret")).toBe('"SECRET"');
    },
  },
  {
    name: "refuses names that are none",
    async run({ createStore }) {
      const store = createStore();
      for (const name of ["", "n".repeat(201)]) {
        for (const place of [{ session: name }, { session: "s", tenant: name }, { session: "s", area: name }])
          expect(() => store.open(place)).toThrow(
            expect.objectContaining({ code: 400, kind: "invalid_arguments" }),
          );
      }
    },
  },
  {
    name: "lists the sessions of one tenant with their sizes",
    async run({ createStore, now }) {
      const store = createStore();
      await store.open({ session: "a/b" }).set("k", "12345");
      await store.open({ session: "a/b", area: "engine" }).set("kk", "12");
      await store.open({ session: "é", tenant: "t" }).set("k", "1");
      await store.open({ session: "empty" }).delete("k");
      expect(await collect(store.sessions())).toEqual([{ name: "a/b", bytes: 10, lastUsedAt: now() }]);
      expect(await collect(store.sessions("t"))).toEqual([{ name: "é", bytes: 2, lastUsedAt: now() }]);
      expect(await collect(store.sessions("nobody"))).toEqual([]);
      await store.drop({ session: "a/b" });
      expect(await collect(store.sessions())).toEqual([]);
      expect(await collect(store.sessions("t"))).toHaveLength(1);
    },
  },
];
