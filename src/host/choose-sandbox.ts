import { OptimizerError } from "../base/errors.ts";
import type { Language } from "../protocol/guest-protocol.ts";
import { type HostSandbox, STRENGTHS, type Strength } from "./sandbox/host-sandbox.ts";

/** Options of {@link chooseSandboxes}. */
export interface ChooseOptions {
  /** What the operator allows, in any order. */
  readonly candidates: readonly HostSandbox[];
  /** The weakest that may be used. Default `language`: not a bare process. */
  readonly leastStrength?: Strength;
}

/** The sandboxes that a host uses, and those that it would have preferred. */
export interface ChosenSandboxes {
  /** The strongest first; each language has at least one that the candidates run. */
  readonly sandboxes: readonly HostSandbox[];
  /** Stronger ones that can't be used here, and why. One line each. */
  readonly passedOver: readonly string[];
}

/**
 * Takes the strongest sandboxes that can be used on this machine, one for each language. Each one is probed before it
 * is taken; weaker ones than were needed are not looked at.
 *
 * Rejects with 500 `sandbox_unavailable`, which has the reason of each, when a language is left without one.
 */
export async function chooseSandboxes({
  candidates,
  leastStrength = "language",
}: ChooseOptions): Promise<ChosenSandboxes> {
  const sandboxes: HostSandbox[] = [];
  const passedOver: string[] = [];
  const hints: string[] = [];
  const missing = new Set<Language>(candidates.flatMap(({ traits }) => traits.languages));
  const strongestFirst = candidates.toSorted((one, other) => rank(other.strength) - rank(one.strength));
  for (const sandbox of strongestFirst) {
    const { name, languages } = sandbox.traits;
    if (!languages.some((language) => missing.has(language))) continue;
    if (rank(sandbox.strength) < rank(leastStrength)) {
      passedOver.push(`${name}: its strength is ${sandbox.strength}, at least ${leastStrength} is asked for`);
      continue;
    }
    const probe = await sandbox.probe();
    // What it is in truth counts, not what it says.
    if (probe.usable && rank(probe.strength) >= rank(leastStrength)) {
      sandboxes.push(sandbox);
      for (const language of languages) missing.delete(language);
    } else if (probe.usable) {
      passedOver.push(
        `${name}: its strength is ${probe.strength} here, at least ${leastStrength} is asked for`,
      );
    } else {
      passedOver.push(`${name}: ${probe.reason}`);
      hints.push(probe.hint);
    }
  }
  if (missing.size === 0 && sandboxes.length > 0) return { sandboxes, passedOver };
  const what = missing.size === 0 ? "programs" : [...missing].join(", ");
  throw new OptimizerError(`No sandbox can be used here for ${what}. ${passedOver.join("; ")}`.trim(), {
    code: 500,
    kind: "sandbox_unavailable",
    hint: [...new Set(hints)].join(" ") || "Allow a sandbox, or lower the strength that is asked for.",
  });
}

function rank(strength: Strength): number {
  return STRENGTHS.indexOf(strength);
}
