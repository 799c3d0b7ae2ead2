import { describe } from "vitest";
import type { OptimizerOptions } from "../../../src/create-optimizer.ts";
import { SandboxFrame } from "../../../src/sandbox/browser/frame.ts";
import { native } from "../../../src/sandbox/browser/native.ts";
import { pyodide } from "../../../src/sandbox/browser/pyodide.ts";
import { quickjs } from "../../../src/sandbox/browser/quickjs.ts";
import type { Sandbox } from "../../../src/sandbox/sandbox.ts";
import { NESTED_WORKERS } from "../../suites/differences.ts";
import { skipAllWhere } from "../../suites/skips.ts";
import { openTarget, type Target } from "./target.ts";

export type EngineName = "quickjs" | "native" | "pyodide";

/** A sandbox that runs JavaScript. Each attack of a program is tried on all of them. */
export interface Engine {
  readonly name: Exclude<EngineName, "pyodide">;
  /** Opens an engine whose programs run here and nowhere else. */
  open(options?: EngineOptions): Promise<Target>;
}

interface EngineOptions extends Partial<Omit<OptimizerOptions, "frame" | "sandboxes">> {
  readonly maxWorkers?: number;
}

const CREATE = { quickjs, native, pyodide };

/** Opens an engine with this one sandbox, in a frame that is closed with it. */
export async function openEngine(
  name: EngineName,
  { maxWorkers, ...options }: EngineOptions = {},
): Promise<Target> {
  const frame = new SandboxFrame();
  const sandbox = CREATE[name]({ frame, ...(maxWorkers === undefined ? {} : { maxWorkers }) });
  return openOn(frame, sandbox, options);
}

/** Opens an engine with this sandbox alone. Both are closed with it, and the frame. */
export async function openOn(
  frame: SandboxFrame,
  sandbox: Sandbox,
  options: Omit<EngineOptions, "maxWorkers"> = {},
): Promise<Target> {
  const target = await openTarget({ ...options, frame, sandboxes: [sandbox] });
  return {
    ...target,
    async [Symbol.asyncDispose]() {
      await target[Symbol.asyncDispose]();
      await sandbox[Symbol.asyncDispose]();
      await frame[Symbol.asyncDispose]();
    },
  };
}

const engine = (name: Engine["name"]): Engine => ({ name, open: (options) => openEngine(name, options) });

const ENGINES: readonly Engine[] = [engine("quickjs"), engine("native")];

/** Repeats a file's attacks for each sandbox that runs JavaScript. */
export function onEveryEngine(attacks: (engine: Engine) => void): void {
  describe.for(ENGINES)("$name", (one) => {
    if (one.name === "native") skipAllWhere(NESTED_WORKERS);
    attacks(one);
  });
}
