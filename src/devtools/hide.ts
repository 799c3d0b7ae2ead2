// What crosses here: texts of programs, servers and people on their way to the screen or a file. What looks like a
// credential does not pass.

import type { Json } from "../base/json.ts";
import { CREDENTIAL_NAME } from "../base/secrets.ts";
import { clipText } from "../base/text.ts";
import { withoutCredentials } from "../telemetry/redact.ts";

/** A credential that begins in what is shown, and ends behind it, is found all the same. Characters. */
const MARGIN = 8 * 1024;

/** The beginning of a text, at most `maxCharacters` of it, without what looks like a credential. */
export function hideText(text: string, maxCharacters = 64 * 1024): string {
  const clean = withoutCredentials(text.slice(0, maxCharacters + MARGIN));
  const shown = clipText(typeof clean === "string" ? clean : "", maxCharacters);
  return text.length > maxCharacters + MARGIN && !shown.endsWith("…") ? `${shown}…` : shown;
}

/** Whether the value under this key is hidden, whatever it is. */
export function isHiddenUnder(key: string, value: Json): boolean {
  return CREDENTIAL_NAME.test(key) && value !== null && typeof value !== "boolean";
}
