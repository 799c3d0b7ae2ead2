import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { parse } from "acorn";
import { expect, test } from "vitest";
import { prepareLoader } from "../../src/build/pyodide-loader.ts";

const require = createRequire(import.meta.url);

test.for(["pyodide/pyodide.mjs", "pyodide/pyodide.asm.mjs"])(
  "%s asks its worker for no script, and is still a module",
  async (name) => {
    const file = require.resolve(name);
    const prepared = prepareLoader(await readFile(file, "utf8"), file) ?? "";
    expect(prepared).not.toContain("importScripts(");
    expect(parse(prepared, { ecmaVersion: "latest", sourceType: "module" }).body.length).toBeGreaterThan(0);
  },
);

test("the engine's loader looks for nothing beside itself and shares no memory before Python waits", async () => {
  const file = require.resolve("pyodide/pyodide.asm.mjs");
  const prepared = prepareLoader(await readFile(file, "utf8"), file) ?? "";
  expect(prepared).not.toContain("import.meta");
  expect(prepared.match(/shared:!0/g)).toHaveLength(1);
  expect(prepared).toMatch(/Atomics\.wait\([\w$]+\?\?=new Int32Array/);
});

test("a loader of another shape fails the build, by name", () => {
  expect(() => prepareLoader("export {}", "/there/pyodide/pyodide.mjs")).toThrow(
    /pyodide\.mjs has another shape/,
  );
});

test("no other module is touched", () => {
  expect(prepareLoader("import.meta.url", "/there/other/module.mjs")).toBeUndefined();
});
