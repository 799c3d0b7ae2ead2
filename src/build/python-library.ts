import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";

const cache = path.resolve(import.meta.dirname, "../../.cache");

/**
 * Pyodide's archive of Python's standard library holds sources, which every interpreter would compile
 * anew at its start. This makes the archive of the compiled modules, once for each version.
 */
export async function compilePythonLibrary(archive: string): Promise<Buffer> {
  const sources = await readFile(archive);
  const key = createHash("sha256").update(sources).update(COMPILE).digest("hex").slice(0, 16);
  const file = path.join(cache, `python-library-${key}.zip`);
  try {
    return await readFile(file);
  } catch {
    // Not made yet.
  }
  const compiled = await compile();
  await mkdir(cache, { recursive: true });
  // Two builds at one time each write a whole file.
  const own = `${file}.${process.pid}-${Math.random()}`;
  await writeFile(own, compiled);
  await rename(own, file);
  return compiled;
}

async function compile(): Promise<Buffer> {
  const { loadPyodide } = await import("pyodide");
  const python = await loadPyodide();
  python.runPython(COMPILE);
  return Buffer.from(python.FS.readFile("/tmp/library.zip"));
}

/** Hash-based and unchecked: an archive has no times that could be compared. The paths are those of the sandbox. */
const COMPILE = `
import importlib._bootstrap_external as external, importlib.util, sys, zipfile
name = next(path for path in sys.path if path.endswith(".zip"))
with zipfile.ZipFile(name) as sources, zipfile.ZipFile("/tmp/library.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as library:
    for entry in sorted(sources.namelist()):
        data = sources.read(entry)
        if entry.endswith(".py"):
            code = compile(data, f"{name}/{entry}", "exec", dont_inherit=True)
            data = external._code_to_hash_pyc(code, importlib.util.source_hash(data), False)
            entry += "c"
        library.writestr(zipfile.ZipInfo(entry), data, zipfile.ZIP_DEFLATED)
`;
