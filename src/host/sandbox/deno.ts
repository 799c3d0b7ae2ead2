import { createRequire } from "node:module";
import path from "node:path";

/** How a program is started. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  /** All that its environment holds. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

const MIB = 1024 * 1024;

/**
 * Deno's executable in the npm package `deno`; `undefined` where there is none. Looked up in the package of the
 * platform, where it lies without any install script having run.
 */
export function findDeno(): string | undefined {
  const { platform, arch } = process;
  const target = `${platform}-${arch}${platform === "linux" ? "-glibc" : ""}`;
  try {
    const deno = createRequire(import.meta.url).resolve("deno/package.json");
    const folder = path.dirname(createRequire(deno).resolve(`@deno/${target}/package.json`));
    return path.join(folder, platform === "win32" ? "deno.exe" : "deno");
  } catch {
    return undefined;
  }
}

/** Starts a script in a Deno that may do nothing: it has its standard streams, its memory and the time of day. */
export function denoCommand(deno: string, script: string, heapBytes: number): Command {
  const url = `data:text/javascript;base64,${Buffer.from(script).toString("base64")}`;
  return {
    file: deno,
    args: [
      "run",
      ...CLOSED,
      `--v8-flags=${[`--max-old-space-size=${Math.floor(heapBytes / MIB)}`, ...V8]}`,
      url,
    ],
    env: {
      // Storage and caches of the web need no permission: here they find no folder, for a file is none.
      DENO_DIR: path.join(deno, "none"),
      // Settings of the host's user, that are read at the start.
      HOME: path.join(path.dirname(deno), "none"),
      USERPROFILE: path.join(path.dirname(deno), "none"),
      // Drivers of the machine would be loaded, and no permission is asked for.
      DENO_WEBGPU_BACKEND: "none",
      DENO_NO_UPDATE_CHECK: "1",
      NO_COLOR: "1",
      // Windows starts no threads of the network's library without.
      ...(process.env["SystemRoot"] === undefined ? {} : { SystemRoot: process.env["SystemRoot"] }),
    },
    cwd: path.dirname(deno),
  };
}

/** Every permission is refused, and stays so; nothing is looked up around the script. */
const CLOSED = [
  ...["read", "write", "net", "env", "sys", "run", "ffi", "import"].map((name) => `--deny-${name}`),
  "--no-prompt",
  "--no-config",
  "--no-lock",
  "--no-remote",
  "--no-npm",
  "--cached-only",
  "--no-code-cache",
  "--no-check",
];

const V8 = ["--disallow-code-generation-from-strings"];
