// The attacker sits between the server and the page: a CDN, a cache, a mirror. He changes a byte.

import ranks from "gpt-tokenizer/bpeRanks/o200k_base?ranks";
import ranksSha256 from "gpt-tokenizer/bpeRanks/o200k_base?ranks&sha256";
import engine from "pyodide/pyodide.asm.wasm?gzip";
import engineSha256 from "pyodide/pyodide.asm.wasm?gzip&sha256";
import library from "pyodide/python_stdlib.zip?pyc";
import librarySha256 from "pyodide/python_stdlib.zip?pyc&sha256";
import snapshot from "pyodide/python_stdlib.zip?snapshot";
import snapshotSha256 from "pyodide/python_stdlib.zip?snapshot&sha256";
import quickjsEngine from "quickjs-wasi/quickjs.wasm?gzip";
import quickjsSha256 from "quickjs-wasi/quickjs.wasm?gzip&sha256";
import quickjsImage from "quickjs-wasi/quickjs.wasm?vm";
import quickjsImageSha256 from "quickjs-wasi/quickjs.wasm?vm&sha256";
import { describe, expect, test } from "vitest";
import script from "../../src/runtimes/quickjs-worker.ts?script";
import scriptSha256 from "../../src/runtimes/quickjs-worker.ts?script&sha256";
import { openBinary, openScript } from "../../src/sandbox/browser/shipped-asset.ts";
import { record } from "./escapes/record.ts";

const BINARIES = [
  ["Python's engine", engine, engineSha256],
  ["Python's library", library, librarySha256],
  ["Python's snapshot", snapshot, snapshotSha256],
  ["the engine of JavaScript", quickjsEngine, quickjsSha256],
  ["JavaScript's image", quickjsImage, quickjsImageSha256],
  ["the tokenizer's vocabulary", ranks, ranksSha256],
] as const;

/** What every line of the table has. */
const line = {
  table: "attacks",
  covers: ["PUB-SUP-01"],
  wants: "a changed file to run",
  target: "files",
} as const;

/** The same text with one character in its middle turned into another one. */
function flip(text: string): string {
  const at = Math.floor(text.length / 2);
  return `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`;
}

describe("files that are not what the build made", () => {
  test.for(BINARIES)("%s is refused with one byte changed", async ([name, base64, sha256], context) => {
    record(context, {
      ...line,
      id: `changed-${name.toLowerCase().replaceAll(/\W+/g, "-")}`,
      how: "refused with 403 before anything ran",
    });
    const asset = (text: string) => ({ name, load: async () => ({ default: text }), sha256 });
    await expect(openBinary(asset(flip(base64)))).rejects.toMatchObject({ code: 403, kind: "integrity" });
    await expect(openBinary(asset(base64.slice(0, -8)))).rejects.toMatchObject({ code: 403 });
    await expect(openBinary(asset("no base64!"))).rejects.toMatchObject({ code: 403, kind: "integrity" });
    // Control: as it was built it is taken.
    expect((await openBinary(asset(base64))).length).toBeGreaterThan(10_000);
  });

  test("a worker's script is refused with one character more", async (context) => {
    record(context, { ...line, id: "changed-script", how: "refused with 403 before anything ran" });
    const asset = (text: string) => ({
      name: "script",
      load: async () => ({ default: text }),
      sha256: scriptSha256,
    });
    await expect(openScript(asset(`${script};`))).rejects.toMatchObject({ code: 403, kind: "integrity" });
    expect(await openScript(asset(script))).toBe(script);
  });
});
