// What `npm run attacks` prints: each test leaves a line of the table in its own meta data.

import type { TestContext } from "vitest";

/** A line of one of the tables. */
export type EscapeRecord =
  | {
      readonly table: "attacks";
      readonly id: string;
      readonly covers: readonly string[];
      readonly wants: string;
      readonly target: string;
      /** How the engine ended it, and when; or why it was not tried. */
      readonly how: string;
    }
  | { readonly table: "benign"; readonly target: string; readonly does: string }
  | {
      readonly table: "baseline";
      readonly id: string;
      readonly covers: readonly string[];
      readonly target: string;
      /** Detectors that it set off. */
      readonly tripped: readonly string[];
      /** Why it can do no harm there. */
      readonly harmless?: string;
    }
  | {
      readonly table: "controls";
      readonly control: string;
      readonly attack: string;
      readonly covers: readonly string[];
      /** What came of the attack with all walls. */
      readonly held: string;
      /** What it got without this one, or which other wall held it. */
      readonly without: string;
    };

declare module "vitest" {
  interface TaskMeta {
    escape?: EscapeRecord;
  }
}

/** Leaves a line for the table. Called before a test may fail, so that a failure has its line too. */
export function record({ task }: Pick<TestContext, "task">, line: EscapeRecord): void {
  task.meta.escape = line;
}
