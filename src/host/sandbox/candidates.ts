import { OptimizerError } from "../../base/errors.ts";
import { basic } from "./basic.ts";
import { bubblewrap } from "./bubblewrap.ts";
import { docker } from "./docker.ts";
import { gvisor } from "./gvisor.ts";
import type { HostSandbox } from "./host-sandbox.ts";
import type { PoolOptions } from "./process-sandbox.ts";
import { wasm } from "./wasm.ts";

type Factory = (pool: PoolOptions) => HostSandbox;

/** Every sandbox that a host knows by name, and how it is made. */
const FACTORIES: ReadonlyMap<string, Factory> = new Map<string, Factory>([
  ["gvisor", (pool) => gvisor(pool)],
  ["gvisor-docker", (pool) => gvisor({ ...pool, docker: {} })],
  ["docker", (pool) => docker(pool)],
  ["bubblewrap", (pool) => bubblewrap(pool)],
  ["wasm", (pool) => wasm(pool)],
  // Whoever names it knows: nothing else switches it on.
  ["basic", (pool) => basic({ ...pool, iKnowThatThisIsNoSandbox: true })],
]);

export const SANDBOX_NAMES: readonly string[] = [...FACTORIES.keys()];

/**
 * Makes the sandboxes of these names; without names all but those that are no sandbox (strength `none`), which
 * have to be asked for. Throws 400 `unknown_sandbox`.
 */
export function sandboxCandidates(
  names: readonly string[] | undefined,
  pool: PoolOptions = {},
): readonly HostSandbox[] {
  if (names === undefined)
    return Array.from(FACTORIES.values(), (create) => create(pool)).filter(
      ({ strength }) => strength !== "none",
    );
  return names.map((name) => {
    const create = FACTORIES.get(name);
    if (create !== undefined) return create(pool);
    throw new OptimizerError(`There is no sandbox ${name}.`, {
      code: 400,
      kind: "unknown_sandbox",
      hint: `Choose of: ${SANDBOX_NAMES.join(", ")}.`,
    });
  });
}
