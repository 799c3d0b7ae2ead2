import type { Sandbox } from "../sandbox/sandbox.ts";

/**
 * The sandboxes as one tenant has them: several tenants may share them, and each has sessions of the same
 * names. What a sandbox keeps for a session, a used worker or frozen programs, never goes to another tenant's.
 */
export function tenantSandboxes(
  sandboxes: readonly Sandbox[],
  tenant: string | undefined,
): readonly Sandbox[] {
  if (tenant === undefined) return sandboxes;
  return sandboxes.map((sandbox) => ({
    traits: sandbox.traits,
    prepare: () => sandbox.prepare(),
    open: (session, limits) => sandbox.open(JSON.stringify([tenant, session]), limits),
    [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose](),
  }));
}
