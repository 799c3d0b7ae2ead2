// Walls, each switched off by itself: the same attack is tried with all of them and without this one, which
// shows what it is good for. Where another wall stands behind it, that one is switched off too.

import { describe, expect, test } from "vitest";
import { record } from "../escapes/record.ts";
import type { Canary } from "../setup/canary.ts";

/** Tries an attack. Gives what it got, in a few words; `undefined` when it was held. */
export type Attempt = () => Promise<string | undefined>;

export interface Control {
  /** The wall. */
  readonly control: string;
  /** What the attack wants. */
  readonly attack: string;
  /** Classes of the public corpus that it is of. */
  readonly covers: readonly string[];
  readonly withAll: Attempt;
  readonly without: Attempt;
  /** The wall that holds the attack when this one is gone, and the attack without both. */
  readonly behind?: { readonly wall: string; readonly withoutBoth: Attempt };
}

/** Tries each wall. With one, or with those behind it, gone, the attack must get through. */
export function controlSuite(part: string, controls: readonly Control[]): void {
  describe(part, () => {
    for (const one of controls) {
      const { control, attack, covers, withAll, without, behind } = one;
      test(`control: ${control} against ${attack}`, { timeout: 180_000 }, async (context) => {
        const line = { table: "controls", control, attack, covers } as const;
        record(context, { ...line, held: "", without: "" });
        const got = await withAll();
        const held = got === undefined ? "held" : `GOT THROUGH: ${got}`;
        record(context, { ...line, held, without: "" });
        expect(got).toBeUndefined();
        const alone = await without();
        if (behind === undefined) {
          record(context, { ...line, held, without: alone ?? "" });
          return expect(alone).toBeDefined();
        }
        const both = await behind.withoutBoth();
        const told = `still held by ${behind.wall}; without both: ${both ?? ""}`;
        record(context, { ...line, held, without: alone === undefined ? told : alone });
        // When it is not held any more, the wall behind it is none.
        expect(alone).toBeUndefined();
        expect(both).toBeDefined();
      });
    }
  });
}

/** What arrived at the listener until now. A request of the page's own, after all others, shows that theirs would be there. */
export async function canaryHits(canary: Canary): Promise<string | undefined> {
  await fetch(`${canary.http}control`, { mode: "no-cors" });
  return (await canary.hits("control")).filter((label) => label !== "control").join(", ") || undefined;
}

/** What a program gave, as words; an empty text and `null` are nothing. */
export function wordsOf(value: unknown): string | undefined {
  if (value === null || value === "") return undefined;
  return typeof value === "string" ? value : JSON.stringify(value);
}
