import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { beforeAll, expect, test } from "vitest";
import { capWasmMemory, WASM_PAGE_BYTES } from "../../src/sandbox/wasm-memory.ts";

const MAX_PAGES = 1_000;
let engine: Uint8Array;

beforeAll(async () => {
  engine = await readFile(createRequire(import.meta.url).resolve("quickjs-wasi/quickjs.wasm"));
});

/** Instantiates a module with imports that do nothing. */
async function memoryOf(bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Memory> {
  const module = await WebAssembly.compile(bytes);
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {};
    if (kind === "function") imports[from][name] = () => 0;
  }
  const { exports } = await WebAssembly.instantiate(module, imports);
  const memory = exports["memory"];
  if (!(memory instanceof WebAssembly.Memory)) throw new Error("The module exports no memory.");
  return memory;
}

test("the real engine grows to its cap and not one page further", async () => {
  const memory = await memoryOf(capWasmMemory(engine, MAX_PAGES));
  const pages = memory.buffer.byteLength / WASM_PAGE_BYTES;
  expect(memory.grow(MAX_PAGES - pages)).toBe(pages);
  expect(memory.buffer.byteLength).toBe(MAX_PAGES * WASM_PAGE_BYTES);
  expect(() => memory.grow(1)).toThrow(RangeError);
});

test("without the cap it grows further", async () => {
  const memory = await memoryOf(new Uint8Array(engine));
  memory.grow(MAX_PAGES);
  expect(memory.buffer.byteLength).toBeGreaterThan(MAX_PAGES * WASM_PAGE_BYTES);
});

test("a cap below what the module starts with leaves it its start", async () => {
  const memory = await memoryOf(capWasmMemory(engine, 1));
  expect(() => memory.grow(1)).toThrow(RangeError);
});

test("the second cap replaces the first, and the module given stays as it was", () => {
  const before = engine.slice();
  const once = capWasmMemory(engine, 300);
  expect(capWasmMemory(once, MAX_PAGES)).toEqual(capWasmMemory(engine, MAX_PAGES));
  expect(engine).toEqual(before);
});

test("a module without memory, and one that ends in a number, are refused", () => {
  const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  expect(() => capWasmMemory(empty, 1)).toThrow("The module defines no memory.");
  expect(() => capWasmMemory(Uint8Array.of(...empty, 5, 0x80), 1)).toThrow("in the middle of a number");
});
