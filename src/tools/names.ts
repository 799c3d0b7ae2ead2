/** Most characters that an identifier may have; some hosts refuse longer tool names. */
export const MAX_IDENTIFIER_CHARS = 64;

/** Words that are no identifier in JavaScript (strict mode), or that TypeScript reserves. */
const JAVASCRIPT_WORDS =
  "arguments await break case catch class const continue debugger default delete do else enum eval export extends false " +
  "finally for function if implements import in instanceof interface let new null package private protected public " +
  "return static super switch this throw true try typeof undefined var void while with yield NaN Infinity";

/** Words that are no identifier in Python 3, soft keywords excepted. */
const PYTHON_WORDS =
  "False None True and as assert async await break class continue def del elif else except finally for from global if " +
  "import in is lambda nonlocal not or pass raise return try while with yield";

/** Members that every JavaScript object has, and `then`, which would make a namespace a promise. */
const OBJECT_MEMBERS =
  "then constructor prototype toString toLocaleString toJSON valueOf hasOwnProperty isPrototypeOf propertyIsEnumerable";

const RESERVED: ReadonlySet<string> = new Set(
  `${JAVASCRIPT_WORDS} ${PYTHON_WORDS} ${OBJECT_MEMBERS}`.split(" "),
);
const PYTHON_KEYWORDS: ReadonlySet<string> = new Set(PYTHON_WORDS.split(" "));

/** True when a name can be a parameter of a Python function as it is. */
export function isPythonParameter(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]{0,99}$/.test(name) && !/^__.*__$/.test(name) && !PYTHON_KEYWORDS.has(name);
}

/**
 * Turns any outside name into an identifier of JavaScript and of Python.
 *
 * The answer is ASCII, reserved in neither language, shadows no object member and has at most 64
 * characters: a longer name ends in a hash of the whole. The same name always gives the same answer;
 * different names may meet, see `assignIdentifiers`.
 */
export function identifierOf(name: string): string {
  const ascii = name
    .slice(0, 256)
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "");
  const cleaned = ascii
    .replace(/[^A-Za-z0-9_]+/g, "_")
    .replace(/^_{2,}/, "_")
    .replace(/_{2,}$/, "_");
  const trimmed = /^[A-Za-z_]/.test(name) ? cleaned : cleaned.replace(/^_+/, "");
  const bare = /[^A-Za-z0-9_]$/.test(ascii) ? trimmed.replace(/_+$/, "") : trimmed;
  if (!/[A-Za-z0-9]/.test(bare)) return name === "" ? "unnamed" : `name_${hashOf(name)}`;
  const started = /^[0-9]/.test(bare) ? `_${bare}` : bare;
  if (started.length > MAX_IDENTIFIER_CHARS || name.length > 256) return shorten(started, `_${hashOf(name)}`);
  return RESERVED.has(started) ? `${started}_` : started;
}

/**
 * Gives every name its own identifier, none of them in `taken`.
 *
 * A name that is an identifier already keeps it; of the others the first comes first, and later
 * ones that clean to the same identifier get `_2`, `_3` and so on. A name that occurs twice counts once.
 */
export function assignIdentifiers(
  names: readonly string[],
  taken: Iterable<string> = [],
): Map<string, string> {
  const used = new Set(taken);
  const wanted = new Map(names.map((name) => [name, identifierOf(name)]));
  const assigned = new Map<string, string>();
  for (const [name, identifier] of wanted) {
    if (name === identifier && !used.has(identifier)) {
      used.add(identifier);
      assigned.set(name, identifier);
    }
  }
  const nextSuffix = new Map<string, number>();
  const ordered = new Map<string, string>();
  for (const [name, identifier] of wanted) {
    ordered.set(name, assigned.get(name) ?? takeFree(identifier, used, nextSuffix));
  }
  return ordered;
}

function takeFree(identifier: string, used: Set<string>, nextSuffix: Map<string, number>): string {
  let candidate = identifier;
  for (let count = nextSuffix.get(identifier) ?? 2; used.has(candidate); count++) {
    candidate = shorten(identifier, `_${count}`);
    nextSuffix.set(identifier, count + 1);
  }
  used.add(candidate);
  return candidate;
}

function shorten(identifier: string, suffix: string): string {
  return `${identifier.slice(0, MAX_IDENTIFIER_CHARS - suffix.length).replace(/_+$/, "")}${suffix}`;
}

/** 32-bit FNV-1a over UTF-16 units as seven base-36 digits: short and stable, not meant to resist an attacker. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(36).padStart(7, "0");
}
