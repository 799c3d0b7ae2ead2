import { isJsonObject, type Json, parseJson } from "../base/json.ts";
import { CREDENTIAL_NAME, HIDDEN } from "../base/secrets.ts";

/** Texts that are credentials by their own form, wherever they stand. */
const FORMS: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /\b(?:Bearer|Basic)\s+[\w.~+/=-]{8,}/gi,
  /(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g,
  /(?<![\w-])(?:sk|pk|rk)[-_][\w-]{16,}/g,
  /(?<![\w-])(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|npm_|hf_)[\w-]{10,}/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /\bAIza[\w-]{30,}/g,
  /(?<=:\/\/[^\s/:@]{0,200}:)[^\s/@]+(?=@)/g,
];
/** What stands behind a name that sounds like one. */
const NAMED = /(?<=(?:passw(?:or)?d|secret|token|api[_-]?key)["']?\s{0,4}[:=]\s{0,4}["']?)[^\s"',;&]{4,}/gi;
/** The same in code, where a variable may have such a name: a text in quotes. */
const NAMED_LITERAL =
  /(?<=(?:passw(?:or)?d|secret|token|api[_-]?key)\w{0,40}["']?\s{0,4}[:=]\s{0,4}(["'`]))(?:(?!\1)[^\\\n]|\\.){4,}/gi;

const CREDENTIALS: readonly RegExp[] = [...FORMS, NAMED];
const CODE_CREDENTIALS: readonly RegExp[] = [...FORMS, NAMED_LITERAL];

/** The longest text of arguments or results that goes into a span. Characters. */
const MAX_CHARACTERS = 8_192;
/** Looking through more than this would hold the thread: of such a text only the length is told. */
const MAX_LOOKED_AT = 256 * 1024;

/**
 * What may leave of arguments or results: no value under a name that sounds like a credential, nothing that looks
 * like one, cut to 8,192 characters. It finds what is written in a known form; a secret in plain words it can't know.
 */
export function redact(json: string): string {
  if (json.length > MAX_LOOKED_AT) return `[${json.length} characters]`;
  const clean = withoutCredentials(parseJson(json) ?? json);
  const text = typeof clean === "string" ? clean : JSON.stringify(clean);
  return text.length <= MAX_CHARACTERS ? text : `${text.slice(0, MAX_CHARACTERS)}…`;
}

/** Code without the credentials that are written in it. */
export function redactCode(code: string): string {
  return CODE_CREDENTIALS.reduce((text, form) => text.replace(form, HIDDEN), code);
}

/** A value without what looks like a credential, of whatever size. */
export function withoutCredentials(value: Json): Json {
  if (typeof value === "string") return CREDENTIALS.reduce((text, form) => text.replace(form, HIDDEN), value);
  if (Array.isArray(value)) return value.map(withoutCredentials);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [
      withoutCredentials(name),
      CREDENTIAL_NAME.test(name) && part !== null && typeof part !== "boolean"
        ? HIDDEN
        : withoutCredentials(part),
    ]),
  );
}
