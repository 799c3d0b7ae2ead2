import { expect, test } from "vitest";
import { createContextStore } from "../../src/context/context-store.ts";
import { memory } from "../../src/context/memory.ts";
import { contextStoreSuite } from "../suites/context-store-suite.ts";

contextStoreSuite("memory()", { createBackend: memory });

test("limits that make no sense are refused", () => {
  for (const limits of [{ maxSessionBytes: 0 }, { maxSessions: 1.5 }, { maxTotalBytes: Number.NaN }]) {
    const refusal = expect.objectContaining({ code: 400, kind: "invalid_options" });
    expect(() => memory(limits)).toThrow(refusal);
    expect(() => createContextStore(memory(), { limits })).toThrow(refusal);
  }
});

test("memory says that it ends with the page", async () => {
  await using store = createContextStore(memory());
  expect(store.health).toEqual({ state: "volatile", reason: "in_memory", hint: expect.any(String) });
});
