import { UNCOLLECTED_BYTES } from "../../protocol/guest-protocol.ts";
import workerSha256 from "../../runtimes/native-worker.ts?script&sha256";
import type { Sandbox, SandboxTraits } from "../sandbox.ts";
import { createFrameSandbox, type FrameSandboxOptions } from "./frame-sandbox.ts";
import { openScript, type ShippedAsset } from "./shipped-asset.ts";

/** Options of {@link native}. */
export interface NativeOptions extends FrameSandboxOptions {
  /** Programs that run at one time; further ones wait their turn. Default 4. */
  readonly maxWorkers?: number;
}

/**
 * The heap of a browser's engine has no cap that a page could set: memory is what the program's buffers
 * are seen to take, and its time is what ends the rest.
 */
const TRAITS: SandboxTraits = {
  name: "native",
  languages: ["javascript", "typescript"],
  enforces: { time: "hard", memory: "best_effort", network: "hard", storage: "hard" },
  freezes: false,
  keepsGlobals: false,
};

/**
 * JavaScript and TypeScript at the browser's own speed, each program in a fresh worker inside the
 * sandbox frame. For programs that compute much: the walls are those of `quickjs()` but for one, an
 * engine of its own, and **memory has no hard limit**.
 *
 * Never a default: it runs programs when it stands first in `sandboxes`, or when a run names it.
 */
export function native(options: NativeOptions = {}): Sandbox {
  return createFrameSandbox(
    {
      traits: TRAITS,
      // What the runtime forgives, and a little more, so that it answers before the page does.
      engineBytes: UNCOLLECTED_BYTES + 16 * 1024 * 1024,
      // No program runs in the worker that is kept: it parses one, and starts its worker anew each time.
      reuse: "session",
      maxWorkers: 4,
      minSpares: 1,
      maxSpares: 1,
      idleMs: 30_000,
      assets: async () => ({ source: await openScript(SCRIPT), modules: {}, files: {} }),
    },
    options,
  );
}

const SCRIPT: ShippedAsset = {
  name: "The native worker",
  load: () => import("../../runtimes/native-worker.ts?script"),
  sha256: workerSha256,
};
