import { readFile } from "node:fs/promises";
import { makeOnce } from "./build-cache.ts";

/**
 * Pyodide's archive of Python's standard library holds sources, which every interpreter would compile
 * anew at its start. This makes the archive of the compiled modules, and resolves with its path.
 */
export async function compilePythonLibrary(archive: string): Promise<string> {
  return makeOnce("python-library.zip", [await readFile(archive), COMPILE], async () => {
    const { loadPyodide } = await import("pyodide");
    const python = await loadPyodide();
    python.runPython(COMPILE);
    return python.FS.readFile("/tmp/library.zip");
  });
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
