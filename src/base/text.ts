/** The length of a text as UTF-8. Bytes. */
export function textBytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** The beginning of a text, at most `maxCharacters` of it and never half of a character; "…" says that more followed. */
export function clipText(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  const last = text.charCodeAt(maxCharacters - 1);
  const end = last >= 0xd800 && last <= 0xdbff ? maxCharacters - 1 : maxCharacters;
  return `${text.slice(0, end)}…`;
}
