// The steps that Redis takes by itself, each atomically. They name every key that they touch: in a Cluster all of them
// are in one slot.

import { createHash } from "node:crypto";
import type { RedisClient } from "./redis-client.ts";
import { faultOf } from "./redis-faults.ts";
import { FOREIGN, STEP_ID_BYTES } from "./redis-records.ts";

/** A script of Redis's, known to it by the digest of its text once it has run. */
export interface RedisScript {
  readonly text: string;
  readonly sha1: string;
}

/** Reading and writing both see a key of another kind, such as a list, as a record that nobody can read. */
const RECORD = `
local function record(key)
  local value = redis.pcall('GET', key)
  if type(value) == 'table' then return 0 end
  return value
end
`;

/** KEYS: records. Replies with each: its bytes, nil where there is none, 0 for what is no text. */
export const READ = script(`${RECORD}
local found = {}
for at, key in ipairs(KEYS) do found[at] = record(key) end
return found`);

/** What {@link WRITE} replies with when it wrote, and when the lock is another's. Else: the records, which are others now. */
export const WRITTEN = 1;
export const NOT_LEADING = 2;

/**
 * KEYS: the catalog, the step's mark, the lock, the records that were read, the records to write.
 * ARGV: the step's id, how long its mark stays in milliseconds, the lock's token or nothing, the channel, the message for
 * it, the count of what was read, its versions, and for each record to write its name and value (nothing: delete).
 *
 * A step whose mark is there was taken already: its reply was lost, and it is asked for again. All that may fail comes
 * before the first write, since Redis takes nothing back; and what frees room goes before what takes it, since a full
 * Redis refuses the latter only as a script's first write.
 */
export const WRITE = script(`${RECORD}
local function version(key)
  local value = redis.pcall('GETRANGE', key, 0, ${STEP_ID_BYTES - 1})
  if type(value) == 'table' then return '${FOREIGN}' end
  return value
end
if redis.call('EXISTS', KEYS[2]) == 1 then return ${WRITTEN} end
if ARGV[3] ~= '' and redis.call('GET', KEYS[3]) ~= ARGV[3] then return ${NOT_LEADING} end
redis.call('ZCARD', KEYS[1])
local read = tonumber(ARGV[6])
for at = 1, read do
  if version(KEYS[3 + at]) ~= ARGV[6 + at] then
    local found = {}
    for again = 1, read do found[again] = record(KEYS[3 + again]) end
    return found
  end
end
local first = 4 + read
for at = first, #KEYS do
  local name = 7 + read + 2 * (at - first)
  if ARGV[name + 1] == '' then
    redis.call('DEL', KEYS[at])
    redis.call('ZREM', KEYS[1], ARGV[name])
  end
end
for at = first, #KEYS do
  local name = 7 + read + 2 * (at - first)
  if ARGV[name + 1] ~= '' then
    redis.call('SET', KEYS[at], ARGV[1] .. ARGV[name + 1])
    redis.call('ZADD', KEYS[1], 0, ARGV[name])
  end
end
redis.call('SET', KEYS[2], '', 'PX', ARGV[2])
redis.call('PUBLISH', ARGV[4], ARGV[5])
return ${WRITTEN}`);

/** KEYS: the lock. ARGV: a token, how long it holds in milliseconds. Replies with 1 when the lock is this token's now. */
export const ACQUIRE = script(`
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0`);

/** KEYS: the lock. ARGV: a token, how long it holds in milliseconds. Replies with 1 when it was, and is, this token's. */
export const RENEW = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0`);

/** KEYS: the lock. ARGV: the token whose it is. */
export const RELEASE = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`);

/**
 * KEYS: the catalog, a record. ARGV: the channel.
 * Replies with the commands that the user may not give here, and with what Redis tells of itself; nil where it may not
 * be asked. A user that may do half of a step would leave half of it.
 */
export const CHECK = script(`
local denied = {}
local function need(...)
  if not redis.acl_check_cmd(...) then denied[#denied + 1] = (...) end
end
need('EXISTS', KEYS[2])
need('GET', KEYS[2])
need('GETRANGE', KEYS[2], 0, 1)
need('SET', KEYS[2], '')
need('DEL', KEYS[2])
need('PEXPIRE', KEYS[2], 1)
need('ZCARD', KEYS[1])
need('ZADD', KEYS[1], 0, '')
need('ZREM', KEYS[1], '')
need('ZRANGEBYLEX', KEYS[1], '-', '+')
need('PUBLISH', ARGV[1], '')
local function info(section)
  local text = redis.pcall('INFO', section)
  return type(text) == 'string' and text
end
return { denied, info('persistence'), info('memory') }`);

/** By the digest of its text; by the text itself where the server has not seen it, or forgot it when it restarted. */
export async function evaluate(
  client: RedisClient,
  { text, sha1 }: RedisScript,
  keys: readonly string[],
  args: readonly (string | Buffer | number)[],
): Promise<unknown> {
  try {
    return await client.callBuffer("EVALSHA", [sha1, keys.length, ...keys, ...args]);
  } catch (error) {
    if (faultOf(error).name !== "NOSCRIPT") throw error;
    return client.callBuffer("EVAL", [text, keys.length, ...keys, ...args]);
  }
}

function script(text: string): RedisScript {
  return { text, sha1: createHash("sha1").update(text).digest("hex") };
}
