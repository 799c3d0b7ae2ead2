import { findOptimizerError, messageOf } from "../base/errors.ts";
import type { ContextBackend, ContextHealth } from "../context/context-backend.ts";
import type { Config } from "./config.ts";

/** Whether the Redis of the configuration can be used now, or why not. */
export type RedisProbe =
  | { readonly usable: true; readonly health: ContextHealth }
  | { readonly usable: false; readonly kind: string; readonly reason: string; readonly hint?: string };

/** The place that the configuration names. It is reached by the first who asks for something. */
export async function openRedis(place: NonNullable<Config["redis"]>): Promise<ContextBackend> {
  const { redis } = await import("../host/context/redis.ts");
  return redis(place);
}

/** Asks for a record. Resolves for every failure too, after 5 s when nobody answers. */
export async function probeRedis(backend: ContextBackend): Promise<RedisProbe> {
  try {
    await backend.read(["probe"]);
    return { usable: true, health: backend.health };
  } catch (error) {
    const { kind = "internal", hint } = findOptimizerError(error) ?? {};
    return { usable: false, kind, reason: messageOf(error), ...(hint === undefined ? {} : { hint }) };
  }
}

/** The probe as a sentence. */
export function sayRedis(probe: RedisProbe): string {
  if (!probe.usable) return `Redis can't be used: ${probe.reason} ${probe.hint ?? ""}`.trim();
  const { state, hint = "" } = probe.health;
  return `Redis answers; what it keeps is ${state}. ${hint}`.trim();
}
