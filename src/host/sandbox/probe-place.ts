import { messageOf } from "../../base/errors.ts";
import type { SandboxProbe, Strength, Wall } from "./host-sandbox.ts";
import { findMissingWalls, PROBE_LIMITS, probeWalls } from "./probe-walls.ts";
import type { RunProbe } from "./process-sandbox.ts";

export interface PlaceProbeOptions {
  readonly strength: Strength;
  readonly run: RunProbe;
  /** Walls that may be missing. */
  readonly accept: readonly Wall[];
  /** What to do where the sandbox can't be used. */
  readonly hint: string;
  /** Looks at what no program sees. Rejects with the reason why the sandbox can't be used. */
  readonly require: () => Promise<void>;
}

/** Tries a sandbox with both languages: what it needs, then each of its walls from within. Never rejects. */
export async function probePlace(options: PlaceProbeOptions): Promise<SandboxProbe> {
  const { strength, run, accept, hint } = options;
  try {
    await options.require();
    const python = await run("python", "1 + 1", PROBE_LIMITS);
    if (python.status !== "returned") throw new Error(`Python does not run: ${JSON.stringify(python)}`);
    const walls = await probeWalls((code, place) => run("javascript", code, PROBE_LIMITS, place));
    const reason = findMissingWalls(walls, accept);
    return reason === undefined ? { usable: true, strength, walls } : { usable: false, reason, hint, walls };
  } catch (error) {
    return { usable: false, reason: messageOf(error), hint, walls: [] };
  }
}
