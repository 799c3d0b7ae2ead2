/**
 * Text that servers wrote, made fit for a line of ours. Everything here may be hostile: it must not
 * end a comment or a string, hide or reorder what a reader sees, or grow without bound.
 */

/** Longest piece of an outside text that is looked at. */
const MAX_READ_CHARS = 16_000;

/** Format characters: bidirectional controls, zero-width characters, tags; and variation selectors. */
const INVISIBLE = /[\p{Cf}\u{fe00}-\u{fe0f}\u{e0100}-\u{e01ef}]+/gu;
const BREAKS = /[\p{Cc}\p{Zl}\p{Zp}\s]+/gu;
const NEEDS_ESCAPE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u{fe00}-\u{fe0f}\u{e0100}-\u{e01ef}]/gu;

/**
 * One visible line of at most `maxChars` characters, safe inside a comment of TypeScript or Python.
 * Anything but a string gives an empty text; a longer text is cut at a sentence or a word.
 */
export function cleanLine(text: unknown, maxChars: number): string {
  if (typeof text !== "string" || maxChars <= 0) return "";
  const line = text
    .slice(0, MAX_READ_CHARS)
    .toWellFormed()
    .replace(INVISIBLE, "")
    .replace(BREAKS, " ")
    .replaceAll("*/", "* /")
    .trim();
  return shortenLine(line, maxChars);
}

function shortenLine(line: string, maxChars: number): string {
  if (line.length <= maxChars) return line;
  const head = line.slice(0, maxChars - 1);
  const sentence = Math.max(head.lastIndexOf(". "), head.lastIndexOf("! "), head.lastIndexOf("? "));
  if (sentence >= maxChars / 3) return head.slice(0, sentence + 1);
  const word = head.lastIndexOf(" ");
  return `${(word > maxChars / 2 ? head.slice(0, word) : head).toWellFormed().trimEnd()}…`;
}

/** The languages in which signatures are written. */
export type SignatureLanguage = "typescript" | "python";

/** A string literal in double quotes that means exactly `text`, invisible characters escaped. */
export function quote(text: string, language: SignatureLanguage): string {
  return JSON.stringify(text).replace(NEEDS_ESCAPE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    if (code <= 0xffff) return `\\u${hex.padStart(4, "0")}`;
    return language === "python" ? `\\U${hex.padStart(8, "0")}` : `\\u{${hex}}`;
  });
}
