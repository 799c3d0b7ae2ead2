// What crosses here: names that a caller or a guest chose, on their way into one flat space of keys. No name
// may reach what another name stands for, whatever characters it has: "/" parts the names, and none contains one.

import { OptimizerError } from "../base/errors.ts";

/** Where a value is kept. */
export interface ContextPlace {
  /** Whose session it is, where one store serves several people or applications. Default: nobody in particular. */
  readonly tenant?: string;
  readonly session: string;
  /** Part of the session. Guests reach `context`, the default, and no other: the engine keeps its own data beside it. */
  readonly area?: string;
}

/** The records of one session. */
export interface SessionKeys {
  /** Of the session's index. */
  readonly index: string;
  /** Every value of every area begins so. */
  readonly prefix: string;
}

/** A session, as the key of its index names it. */
export interface IndexedSession extends Pick<ContextPlace, "tenant" | "session"> {
  readonly keys: SessionKeys;
}

/** Where bytes and sessions are counted in all. */
export const TOTALS_KEY = "1/totals";

/** The key of every session's index begins so. */
export const INDEX_PREFIX = "1/index/";
const VALUE_PREFIX = "1/value/";

/** The area that guests reach. */
export const GUEST_AREA = "context";

const MAX_NAME = 200;
const MAX_KEY = 512;

/** Throws 400 `invalid_arguments` for names that are none. */
export function sessionKeys({ tenant, session }: Pick<ContextPlace, "tenant" | "session">): SessionKeys {
  const owner = `${tenantPart(tenant)}/${encode(requireName("session", session))}`;
  return { index: `${INDEX_PREFIX}${owner}`, prefix: `${VALUE_PREFIX}${owner}/` };
}

/** The keys of a tenant's indexes begin so. */
export function tenantPrefix(tenant: string | undefined): string {
  return `${INDEX_PREFIX}${tenantPart(tenant)}/`;
}

/** Whose index a key names; `undefined` for any other key. */
export function readIndexKey(key: string): IndexedSession | undefined {
  if (!key.startsWith(INDEX_PREFIX)) return undefined;
  const owner = key.slice(INDEX_PREFIX.length);
  const [tenant = "", session, ...more] = owner.split("/");
  if (session === undefined || more.length > 0) return undefined;
  return {
    ...(tenant === "" ? {} : { tenant: decode(tenant) }),
    session: decode(session),
    keys: { index: key, prefix: `${VALUE_PREFIX}${owner}/` },
  };
}

/** The name of a value within its session: area and key. */
export function valueName(area: string, key: string): string {
  return `${encode(area)}/${encode(key)}`;
}

/** The key that a value's name holds, when it is of this area. */
export function keyOfName(area: string, name: string): string | undefined {
  const prefix = `${encode(area)}/`;
  return name.startsWith(prefix) ? decode(name.slice(prefix.length)) : undefined;
}

export function requireArea(area: string = GUEST_AREA): string {
  return requireName("area", area);
}

/** Throws 400 `invalid_arguments` for what is no key. */
export function requireContextKey(key: string): string {
  if (typeof key === "string" && key.length > 0 && key.length <= MAX_KEY) return key;
  throw invalid(`A context key is a text of 1 to ${MAX_KEY} characters.`);
}

function tenantPart(tenant: string | undefined): string {
  return tenant === undefined ? "" : encode(requireName("tenant", tenant));
}

function requireName(what: string, name: string): string {
  if (typeof name === "string" && name.length > 0 && name.length <= MAX_NAME) return name;
  throw invalid(`\`${what}\` must be a text of 1 to ${MAX_NAME} characters.`);
}

function invalid(message: string): OptimizerError {
  return new OptimizerError(message, { code: 400, kind: "invalid_arguments" });
}

/** "/" and "%", and halves of characters: a database whose keys are UTF-8 would take them all for one. */
function encode(name: string): string {
  return name.replace(
    /[%/]|\p{Surrogate}/gu,
    (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function decode(part: string): string {
  return part.replace(/%([0-9a-f]{4})/g, (_, unit: string) => String.fromCharCode(Number.parseInt(unit, 16)));
}
