import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { findExecutable } from "./find-executable.ts";
import { type HostSandbox, PLACE_LIMITS } from "./host-sandbox.ts";
import { createProcessSandbox, type PoolOptions } from "./process-sandbox.ts";
import { heapFlag, type RunnerLanguage, writeRunners } from "./runners.ts";
import { type SandboxProcess, startChild } from "./sandbox-process.ts";

/** Options of {@link basic}. */
export interface BasicOptions extends PoolOptions {
  /** Says that programs may do all that the host's user may: read files, use the network. */
  readonly iKnowThatThisIsNoSandbox: true;
  /** Python 3.11 or newer. Default: `python3` on the path, where there is one. */
  readonly python?: string;
}

/**
 * Programs in plain processes of the host's user, for development on a machine that has nothing better. It ends
 * what runs too long and keeps the memory of JavaScript; nothing else stands between a program and the machine.
 */
export function basic(options: BasicOptions): HostSandbox {
  const python = findExecutable(options.python ?? "python3");
  let writing: ReturnType<typeof writeRunners> | undefined;
  const start = async (runner: RunnerLanguage): Promise<SandboxProcess> => {
    writing ??= writeRunners();
    const file = (await writing).file(runner);
    const cwd = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-run-"));
    const clean = (): Promise<void> => rm(cwd, { recursive: true, force: true });
    if (runner === "python" && python !== undefined) {
      return startChild(python, [...PYTHON_FLAGS, file], { cwd, env: PYTHON_ENV, clean });
    }
    return startChild(process.execPath, [heapFlag(PLACE_LIMITS.memoryBytes), file], { cwd, clean });
  };
  return createProcessSandbox({
    ...options,
    name: "basic",
    strength: "none",
    runners: python === undefined ? ["javascript"] : ["javascript", "python"],
    enforces: { time: "hard", memory: "best_effort", network: "none", storage: "none" },
    start,
    probe: async () => ({ usable: true, strength: "none", walls: [] }),
    async dispose() {
      await (await writing)?.[Symbol.asyncDispose]();
    },
  });
}

/** Neither the user's settings nor the machine's packages, and nothing written beside the modules. */
export const PYTHON_FLAGS = ["-I", "-S", "-B"] as const;

/** An allocator that keeps no address space aside, which the runner limits. */
export const PYTHON_ENV: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: "1" };
