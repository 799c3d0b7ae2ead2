import { chmod, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import nodeParser from "../../runtimes/node-parser.ts?node";
import nodeRunner from "../../runtimes/node-stdio.ts?node";
import pythonGuest from "../../runtimes/python-guest.py?raw";
import pythonProcess from "../../runtimes/python-process.py?raw";
import pythonStdio from "../../runtimes/python-stdio.py?raw";
import pythonValues from "../../runtimes/python-values.py?raw";
import { hostIdentity, isDeadHost } from "./host-identity.ts";

/** Which runner runs a program: TypeScript is JavaScript once its types are gone. */
export type RunnerLanguage = "javascript" | "python";

/** What runs beside the guest in a process, by the name of its file. One file each, without imports of ours. */
export const RUNNERS: Readonly<Record<RunnerLanguage, { readonly file: string; readonly source: string }>> = {
  javascript: { file: "runner.cjs", source: nodeRunner },
  python: { file: "runner.py", source: [pythonValues, pythonGuest, pythonProcess, pythonStdio].join("\n\n") },
};

/** All files of a runner's folder, by name. The parser is for programs that are too long for the host's own. */
export const RUNNER_FILES: ReadonlyMap<string, string> = new Map([
  ...Object.values(RUNNERS).map(({ file, source }) => [file, source] as const),
  ["parser.cjs", nodeParser],
]);

const MIB = 1024 * 1024;

/** What Node is told of the memory that JavaScript's values may take: it ends when they need more. */
export function heapFlag(memoryBytes: number): string {
  return `--max-old-space-size=${Math.floor(memoryBytes / MIB)}`;
}

/** A folder with the runners, which sandboxes hand to their processes. Disposing removes it. */
export interface RunnerFolder extends AsyncDisposable {
  readonly path: string;
  file(language: RunnerLanguage): string;
}

const PREFIX = "mcp-optimizer-runners-";

/**
 * Writes the runners to a new folder that everybody may read and nobody but us may change. Folders that dead hosts
 * left behind are removed, where the system tells which are dead.
 */
export async function writeRunners(): Promise<RunnerFolder> {
  const root = await findRunnersRoot();
  await removeOrphans(root);
  const host = process.platform === "linux" ? `${hostIdentity()}-` : "";
  const folder = await mkdtemp(path.join(root, PREFIX + host));
  const file = (language: RunnerLanguage): string => path.join(folder, RUNNERS[language].file);
  await Promise.all(
    [...RUNNER_FILES].map(([name, source]) => writeFile(path.join(folder, name), source, { mode: 0o444 })),
  );
  await chmod(folder, 0o755);
  return {
    path: folder,
    file,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The folder for temporary files; the system's, where the host's user has one that is closed to others. */
async function findRunnersRoot(): Promise<string> {
  for (const root of [tmpdir(), "/tmp", "/var/tmp"]) {
    if (await isOpenToAll(root).catch(() => false)) return root;
  }
  return tmpdir();
}

/** Whether every user can reach and read a file or a folder. */
export async function isOpenToAll(file: string): Promise<boolean> {
  for (let at = path.dirname(file); ; at = path.dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return false;
    if (at === path.dirname(at)) break;
  }
  return ((await stat(file)).mode & 0o005) === 0o005;
}

async function removeOrphans(root: string): Promise<void> {
  if (process.platform !== "linux") return;
  const names = await readdir(root);
  const orphans = names.filter(
    (name) => name.startsWith(PREFIX) && isDeadHost(name.slice(PREFIX.length, name.lastIndexOf("-"))),
  );
  // One of another user stays his.
  const removing = orphans.map((name) => rm(path.join(root, name), { recursive: true, force: true }));
  await Promise.allSettled(removing);
}
