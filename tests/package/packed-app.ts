import { copyFile, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { preview } from "vite";
import { npm, run } from "../setup/process.mjs";

const root = path.resolve(import.meta.dirname, "../..");
const COMMAND_TIMEOUT_MS = 150_000;

/** Packs the package as it would be published. Resolves with the path of the tarball. */
export async function pack(folder: string): Promise<string> {
  await runNpm(["pack", "--ignore-scripts", "--pack-destination", folder], root);
  const [tarball = "no tarball"] = await readdir(folder);
  return path.join(folder, tarball);
}

/** Makes an application of files by path, with these packages. Resolves with its folder. */
export async function installApp(
  app: string,
  files: Readonly<Record<string, string>>,
  packages: readonly string[],
): Promise<string> {
  await writeFiles(app, files);
  await runNpm(["install", "--prefer-offline", "--prefix", app, ...packages], app);
  return app;
}

/** The same with the packages of a lock file, to the version, and this package as it was built. */
export async function installLocked(
  app: string,
  files: Readonly<Record<string, string>>,
  locked: string,
): Promise<string> {
  await writeFiles(app, files);
  for (const name of ["package.json", "package-lock.json"]) {
    await copyFile(path.join(locked, name), path.join(app, name));
  }
  await runNpm(["ci", "--ignore-scripts", "--prefer-offline"], app);
  await symlink(root, path.join(app, "node_modules", "mcp-optimizer"), "junction");
  return app;
}

/** Checks the types of files of the application against the packages that it has. Throws with what the compiler says. */
export async function checkTypes(app: string, files: readonly string[]): Promise<void> {
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--jsx", "react-jsx", "--module", "NodeNext"];
  await runNode(app, [path.join(root, "node_modules/typescript/bin/tsc"), ...options, ...files]);
}

/** Runs a script of the application. Resolves with what it printed. */
export async function runNode(app: string, args: readonly string[]): Promise<string> {
  const { code, output, end } = await run(process.execPath, args, {
    cwd: app,
    env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1", NODE_ENV: "production" },
    timeoutMs: COMMAND_TIMEOUT_MS,
  });
  if (code !== 0) throw new Error(`${args.join(" ")} failed (${end}): ${output}`);
  return output;
}

/** A block of code of the README. */
export function findBlock(readme: string, language: string, part: string): string {
  const blocks = [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))];
  const [, block] = blocks.find(([text]) => text.includes(part)) ?? [];
  if (block === undefined) throw new Error(`The README has no ${language} with ${part}`);
  return block;
}

/** Serves a folder's files on loopback. */
export async function serveFolder(folder: string): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = await preview({
    root: folder,
    configFile: false,
    logLevel: "error",
    build: { outDir: "." },
    preview: { host: "127.0.0.1", port: 0 },
  });
  const address = server.httpServer.address();
  if (typeof address !== "object" || address === null) throw new Error("The preview server has no address");
  return { url: `http://127.0.0.1:${address.port}/`, [Symbol.asyncDispose]: () => server.close() };
}

async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}

async function runNpm(args: readonly string[], cwd: string): Promise<void> {
  const { command, args: own } = npm();
  const flags = ["--no-audit", "--no-fund", "--loglevel=error"];
  const { code, output, end } = await run(command, [...own, ...args, ...flags], {
    cwd,
    timeoutMs: COMMAND_TIMEOUT_MS,
  });
  if (code !== 0) throw new Error(`npm ${args[0]} failed (${end}): ${output}`);
}
