import { resolveLimits } from "../../../src/sandbox/limits.ts";
import type { RunOutcome, Sandbox } from "../../../src/sandbox/sandbox.ts";

/** Runs one program in a sandbox, without any engine around it. */
export async function runGuestProgram(sandbox: Sandbox, code: string): Promise<RunOutcome> {
  await using place = sandbox.open("probe", resolveLimits({ timeoutMs: 5_000 }));
  const port = {
    namespaces: [],
    call: async () => ({ ok: true, json: "null" }) as const,
    log: () => undefined,
    notice: () => undefined,
  };
  const program = { language: "javascript", code, inputs: "{}" } as const;
  return await place.run(program, port, new AbortController().signal);
}
