import { OptimizerError } from "../../base/errors.ts";
import type { ContextHealth } from "../../context/context-backend.ts";
import type { RedisClient } from "./redis-client.ts";
import { CHECK, evaluate } from "./redis-scripts.ts";

/**
 * How safe the server that a client has reached keeps records. Throws 500 `storage_failed` for one that may not be
 * used: it forgets records as it likes, or lets us take half of a step only.
 */
export async function checkServer(
  client: RedisClient,
  keys: readonly string[],
  channel: string,
): Promise<ContextHealth> {
  const reply = await evaluate(client, CHECK, keys, [channel]);
  const [denied, persistence, memory] = Array.isArray(reply) ? reply : [];
  if (Array.isArray(denied) && denied.length > 0) {
    throw unusable(
      `Redis lets this user not do what is needed: ${denied.map(String).join(", ")}.`,
      "Allow these commands on the keys and the channel that begin with the prefix.",
    );
  }
  // An evicted count would be a budget that is whole again.
  const policy = /^maxmemory_policy:(allkeys-\S+)/m.exec(String(memory))?.[1];
  if (policy !== undefined) {
    throw unusable(
      `Redis forgets any record when its memory is full (maxmemory-policy ${policy}).`,
      "Set maxmemory-policy to noeviction.",
    );
  }
  if (persistence === null) {
    return {
      state: "volatile",
      reason: "persistence_unknown",
      hint: "This user may not ask Redis whether it writes to disk (INFO).",
    };
  }
  if (/^aof_enabled:1/m.test(String(persistence))) return { state: "durable" };
  return {
    state: "volatile",
    reason: "not_persistent",
    hint: "Redis forgets what was acknowledged when it ends. Set appendonly to yes.",
  };
}

function unusable(message: string, hint: string): OptimizerError {
  return new OptimizerError(message, { code: 500, kind: "storage_failed", hint });
}
