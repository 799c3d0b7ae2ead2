import { describe } from "vitest";
import { SandboxFrame } from "../../../src/sandbox/browser/frame.ts";
import { native } from "../../../src/sandbox/browser/native.ts";
import { quickjs } from "../../../src/sandbox/browser/quickjs.ts";
import type { Sandbox } from "../../../src/sandbox/sandbox.ts";
import { openTarget, type Target } from "./target.ts";

/** A sandbox that runs JavaScript. Each attack of a program is tried on all of them. */
export interface Engine {
  readonly name: "quickjs" | "native";
  /** Opens an engine whose programs run here and nowhere else. */
  open(options?: EngineOptions): Promise<Target>;
}

interface EngineOptions {
  readonly maxWorkers?: number;
}

const engine = (
  name: Engine["name"],
  create: (options: EngineOptions & { readonly frame: SandboxFrame }) => Sandbox,
): Engine => ({
  name,
  async open(options = {}) {
    const frame = new SandboxFrame();
    const sandbox = create({ ...options, frame });
    const target = await openTarget({ frame, sandboxes: [sandbox] });
    return {
      ...target,
      async [Symbol.asyncDispose]() {
        await target[Symbol.asyncDispose]();
        await sandbox[Symbol.asyncDispose]();
        await frame[Symbol.asyncDispose]();
      },
    };
  },
});

const ENGINES: readonly Engine[] = [engine("quickjs", quickjs), engine("native", native)];

/** Repeats a file's attacks for each sandbox that runs JavaScript. */
export function onEveryEngine(attacks: (engine: Engine) => void): void {
  describe.for(ENGINES)("$name", attacks);
}
