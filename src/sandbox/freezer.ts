import { sha256 } from "../base/sha256.ts";
import { type FrozenRun, sealFrozenRun } from "../protocol/frozen-run.ts";
import type { Program } from "../protocol/guest-protocol.ts";
import type { SandboxRunOptions } from "./sandbox.ts";

/** Makes something that can be stored of a guest that was frozen. */
export interface Freezer {
  seal(state: Pick<FrozenRun, "calls" | "spent" | "snapshot">): Promise<FrozenRun>;
  /** Hears of a program that waits for tools, as it could go on later. Absent: nobody asks for that. */
  readonly onCheckpoint: SandboxRunOptions["onCheckpoint"] | undefined;
}

/** Seals what becomes of one run, for its session and for engines like this one alone. */
export function createFreezer(
  frozenBy: readonly string[],
  session: string,
  program: Program,
  { onCheckpoint }: SandboxRunOptions,
): Freezer {
  return {
    onCheckpoint,
    seal: async (state) => sealFrozenRun({ engine: await engineOf(frozenBy), session, program, ...state }),
  };
}

/** One digest for all that a snapshot depends on. */
export function engineOf(digests: readonly string[]): Promise<string> {
  return sha256(new TextEncoder().encode(digests.join(" ")));
}
