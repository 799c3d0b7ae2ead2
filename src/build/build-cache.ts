import { createHash } from "node:crypto";
import { access, mkdir, rename, writeFile } from "node:fs/promises";
import path from "node:path";

const folder = path.resolve(import.meta.dirname, "../../.cache");

/** Path of a file that is made once for each content of what it is made of. */
export async function makeOnce(
  name: string,
  parts: readonly (string | Uint8Array)[],
  make: () => Promise<Uint8Array>,
): Promise<string> {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  const { name: stem, ext } = path.parse(name);
  const file = path.join(folder, `${stem}-${hash.digest("hex").slice(0, 16)}${ext}`);
  try {
    await access(file);
  } catch {
    const made = await make();
    await mkdir(folder, { recursive: true });
    // Two builds at one time each write a whole file.
    const own = `${file}.${process.pid}-${Math.random()}`;
    await writeFile(own, made);
    await rename(own, file);
  }
  return file;
}
