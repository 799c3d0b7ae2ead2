import type { HostEngine } from "../host/host-engine.ts";
import { type Config, engineOptions } from "./config.ts";
import { withoutUndefined } from "./settings.ts";

/** The host's engine in this process, for one command. Rejects with 500 `sandbox_unavailable` where programs are to run and can't. */
export async function openLocalEngine(
  config: Config,
  { programs }: { readonly programs: boolean },
): Promise<HostEngine> {
  const { openHostEngine } = await import("../host/host-engine.ts");
  if (!programs) return openHostEngine(engineOptions(config), []);
  const [{ chooseSandboxes }, { sandboxCandidates }] = await Promise.all([
    import("../host/choose-sandbox.ts"),
    import("../host/sandbox/candidates.ts"),
  ]);
  const { leastStrength } = config;
  await using opening = new AsyncDisposableStack();
  const candidates = sandboxCandidates(config.sandboxes, { spares: 0 }).map((sandbox) =>
    opening.use(sandbox),
  );
  const { sandboxes } = await chooseSandboxes({ candidates, ...withoutUndefined({ leastStrength }) });
  const engine = opening.use(await openHostEngine(engineOptions(config), sandboxes));
  // Loads its vocabulary while the program runs; who needs a count hears of a failure.
  void engine.countTokens([""]).catch(() => undefined);
  const parts = opening.move();
  return { ...engine, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}
