import keeper from "../../runtimes/deno-keeper.ts?script";
import { type Command, denoCommand, findDeno } from "./deno.ts";
import { type HostSandbox, PLACE_LIMITS, type PlaceLimits } from "./host-sandbox.ts";
import { createProcessSandbox, type PoolOptions } from "./process-sandbox.ts";
import type { RunnerLanguage } from "./runners.ts";
import { type SandboxProcess, startChild } from "./sandbox-process.ts";
import { type DenoParts, loadParts, packParts, QUICKJS_DIGESTS } from "./wasm-parts.ts";
import { probeWasm } from "./wasm-probe.ts";

/** Options of {@link wasm}. */
export interface WasmOptions extends PoolOptions {
  /** Deno's executable, 2.9 or newer. Default: that of the npm package `deno`, where it is installed. */
  readonly deno?: string;
  /** What one process may use; nothing of the disk, and no other process, in any case. Default: {@link PLACE_LIMITS}. */
  readonly limits?: Partial<Pick<PlaceLimits, "memoryBytes" | "cpuSeconds">>;
  /** Puts one sandbox more around the command that starts a process. */
  readonly wrap?: (command: Command) => Command;
}

/**
 * JavaScript and TypeScript in QuickJS, Python in Pyodide: engines in WebAssembly, in a process of its own for each
 * run. The process is a Deno without any permission, so that who breaks out of the engine finds nothing. Runs
 * wherever Deno does: Linux with glibc, macOS, Windows.
 */
export function wasm(options: WasmOptions = {}): HostSandbox {
  const { deno = findDeno(), wrap = (command: Command) => command } = options;
  const limits = { ...PLACE_LIMITS, ...options.limits };
  const loading = new Map<RunnerLanguage, Promise<DenoParts>>();
  const load = (runner: RunnerLanguage): Promise<DenoParts> => {
    const parts = loading.get(runner) ?? loadParts(runner, limits.memoryBytes);
    loading.set(runner, parts);
    return parts;
  };
  const start = (parts: DenoParts): SandboxProcess => {
    if (deno === undefined) throw new Error(NO_DENO);
    const { file, args, env, cwd } = wrap(denoCommand(deno, keeper, limits.memoryBytes / 2));
    return startChild(file, args, { env, cwd, input: packParts(parts, limits) });
  };
  return createProcessSandbox({
    startTimeoutMs: START_TIMEOUT_MS,
    ...options,
    name: "wasm",
    strength: "language",
    runners: ["javascript", "python"],
    enforces: { time: "hard", memory: "hard", network: "hard", storage: "hard" },
    runtimeBytes: (language) => (language === "python" ? PYTHON_BYTES : QUICKJS_BYTES),
    hasParser: true,
    frozenBy: QUICKJS_DIGESTS,
    start: async (runner) => start(await load(runner)),
    probe: async (run) =>
      deno === undefined
        ? { usable: false, reason: NO_DENO, hint: "Run `npm install deno`.", walls: [] }
        : probeWasm(start, run, deno),
  });
}

const MIB = 1024 * 1024;

/** What each engine holds beside its program's memory, at the most. Bytes. */
const [QUICKJS_BYTES, PYTHON_BYTES] = [8 * MIB, 48 * MIB];

/** Python's engine is compiled anew in each process, which takes a while where the processor is busy. Milliseconds. */
const START_TIMEOUT_MS = 30_000;

/** Node can't take its place: its permissions leave the network open. */
const NO_DENO = "Deno is not installed here.";
