import type { HostSandbox, SandboxProbe, Strength } from "../../../src/host/sandbox/host-sandbox.ts";
import { inProcessQuickJs } from "../../suites/in-process-quickjs.ts";
import { runGuestProgram } from "./run-guest-program.ts";

/** QuickJS on the test's own thread as a sandbox of the host: its probe runs a program in it. */
export function inProcessSandbox({
  name = "quickjs-in-process",
  strength = "language",
}: {
  readonly name?: string;
  readonly strength?: Strength;
} = {}): HostSandbox {
  const sandbox = inProcessQuickJs();
  return {
    ...sandbox,
    traits: { ...sandbox.traits, name },
    strength,
    async probe(): Promise<SandboxProbe> {
      const outcome = await runGuestProgram(sandbox, "return typeof fetch");
      const seen = outcome.status === "returned" ? outcome.json : outcome.status;
      const held = seen === '"undefined"';
      const walls = [{ wall: "network", held, seen: `fetch is ${seen}` }] as const;
      if (held) return { usable: true, strength, walls };
      return { usable: false, reason: `a program found that fetch is ${seen}`, hint: "Use another.", walls };
    },
  };
}
