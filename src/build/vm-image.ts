import { readFile } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { packVmImage } from "../runtimes/vm-image.ts";

/** The memory of QuickJS, as `engine` holds it, after it has run the guest's prelude; gzipped. */
export async function makeVmImage(engine: string): Promise<Buffer> {
  const prelude = path.resolve(import.meta.dirname, "../runtimes/guest-prelude.js");
  const wasm = await WebAssembly.compile(await readFile(engine));
  return gzipSync(await packVmImage(wasm, [], await readFile(prelude, "utf8")), { level: 9 });
}
