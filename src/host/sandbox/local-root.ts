import { execFile } from "node:child_process";
import { copyFile, link, mkdir, readdir, realpath, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { messageOf, OptimizerError } from "../../base/errors.ts";
import { isJsonObject, parseJson } from "../../base/json.ts";
import { findExecutable } from "./find-executable.ts";

/** One file of a root file system: a file of this machine, or a text. */
export type RootFile = { /** From the root, with `/`. */ readonly target: string } & (
  | { readonly source: string }
  | { readonly content: string }
);

/** What an image is made of without a registry: files of this machine. */
export interface LocalRootOptions {
  /** Python 3.11 or newer. Default: `python3` on the path. */
  readonly python?: string;
  /** Node. Default: the one that runs this. */
  readonly node?: string;
}

/** Parts of the standard library that no program needs, and what was installed beside it. */
const LEFT_OUT =
  /^(test|site-packages|dist-packages|idlelib|lib2to3|ensurepip|tkinter|turtledemo|config-.*)$/;

/** What programs find of a system's commands, as the probe does. */
const COMMANDS = ["sh", "sleep"];

const COMMAND_MS = 20_000;

/** Files whose libraries are asked for at one time. */
const LDD_FILES = 50;

const run = promisify(execFile);

/**
 * What Python and Node need to run, of the files of this machine: their binaries, the libraries that these load,
 * Python's standard library. For a machine where no registry can be reached. Linux only.
 *
 * 500 `no_local_files` where there are none that fit.
 */
export async function collectLocalRoot(options: LocalRootOptions = {}): Promise<readonly RootFile[]> {
  if (process.platform !== "linux") throw noFiles("containers run Linux, and this is another system");
  const node = options.node ?? process.execPath;
  const python = findExecutable(options.python ?? "python3");
  if (python === undefined) throw noFiles("there is no python3 on the path");
  const { executable, library, version } = await describePython(python);
  const commands = COMMANDS.map((name) => `/bin/${name}`);
  const modules = await listFiles(library);
  const binaries = [node, executable, ...commands, ...modules.filter((file) => file.endsWith(".so"))];
  return [
    { source: await realpath(node), target: "/usr/local/bin/node" },
    { source: await realpath(executable), target: "/usr/local/bin/python3" },
    ...(await Promise.all(commands.map(async (target) => ({ source: await realpath(target), target })))),
    ...modules.map((source) => ({
      source,
      target: path.posix.join(`/usr/local/lib/python${version}`, path.relative(library, source)),
    })),
    ...(await findLibraries(binaries)),
    { target: "/etc/passwd", content: "nobody:x:65534:65534:nobody:/tmp:/usr/sbin/nologin\n" },
    { target: "/etc/group", content: "nogroup:x:65534:\n" },
  ];
}

/** Writes the files below a folder. Those that may be are linked: nobody writes to a root that is read-only. */
export async function writeRoot(folder: string, files: readonly RootFile[]): Promise<void> {
  const folders = new Set(files.map(({ target }) => path.join(folder, path.dirname(target))));
  for (const one of ["dev", "proc", "sys", "tmp"]) folders.add(path.join(folder, one));
  for (const one of folders) await mkdir(one, { recursive: true, mode: 0o755 });
  await Promise.all(
    files.map(async (file) => {
      const target = path.join(folder, file.target);
      if ("content" in file) return writeFile(target, file.content, { mode: 0o444 });
      await link(file.source, target).catch(() => copyFile(file.source, target));
    }),
  );
}

async function describePython(
  python: string,
): Promise<{ readonly executable: string; readonly library: string; readonly version: string }> {
  const script =
    "import json, sys, sysconfig; print(json.dumps([getattr(sys, '_base_executable', sys.executable), sysconfig.get_path('stdlib'), '%d.%d' % sys.version_info[:2]]))";
  try {
    const { stdout } = await run(python, ["-I", "-c", script], { timeout: COMMAND_MS });
    const [executable, library, version] = toTexts(parseJson(stdout));
    if (executable === undefined || library === undefined || version === undefined) throw new Error(stdout);
    if (Number(version.split(".")[1]) < 11) throw new Error(`it is Python ${version}; 3.11 is needed`);
    return { executable, library, version };
  } catch (error) {
    throw noFiles(`${python} can't be used: ${messageOf(error)}`);
  }
}

function toTexts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

async function listFiles(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = await Promise.all(
    entries
      .filter(({ name }) => !LEFT_OUT.test(name))
      .map(async (entry) => {
        const file = path.join(folder, entry.name);
        if (entry.isDirectory()) return listFiles(file);
        return entry.isFile() ? [file] : [];
      }),
  );
  return found.flat();
}

/** The libraries that binaries load, and the loader, each where the binaries look for it. */
async function findLibraries(binaries: readonly string[]): Promise<readonly RootFile[]> {
  const found = new Set<string>();
  for (let first = 0; first < binaries.length; first += LDD_FILES) {
    const some = binaries.slice(first, first + LDD_FILES);
    // It fails when one of them is static; it tells of the others all the same.
    const { stdout } = await run("ldd", some, { timeout: COMMAND_MS, maxBuffer: 16 * 1024 * 1024 }).catch(
      (error: unknown) => ({ stdout: outputOf(error) }),
    );
    for (const [, file = ""] of stdout.matchAll(/(?:=>|^)\s+(\/\S+) \(0x/gm)) found.add(file);
  }
  if (found.size === 0) throw noFiles("ldd tells of no libraries");
  return Promise.all([...found].map(async (target) => ({ source: await realpath(target), target })));
}

/** What a command wrote that failed. */
function outputOf(error: unknown): string {
  return isJsonObject(error) && typeof error["stdout"] === "string" ? error["stdout"] : "";
}

function noFiles(problem: string): OptimizerError {
  return new OptimizerError(`No image can be made of this machine's files: ${problem}.`, {
    code: 500,
    kind: "no_local_files",
    hint: "Build the image of a registry's, or name another Python.",
  });
}
