/** Characters that are measured at one time, and room for the longest bytes of them. */
const PIECE = 16 * 1024;
const scratch = new Uint8Array(3 * PIECE);
const encoder = new TextEncoder();

/** The length of a text as UTF-8. Bytes. Large texts are not copied whole to measure them: that costs more than to send them. */
export function textBytes(text: string): number {
  let bytes = 0;
  for (let start = 0; start < text.length; ) {
    // The two halves of a character stay together.
    const last = text.charCodeAt(start + PIECE - 1);
    const end = start + PIECE - (last >= 0xd800 && last <= 0xdbff ? 1 : 0);
    bytes += encoder.encodeInto(text.slice(start, end), scratch).written;
    start = end;
  }
  return bytes;
}

/** The beginning of a text, at most `maxCharacters` of it and never half of a character; "…" says that more followed. */
export function clipText(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  const last = text.charCodeAt(maxCharacters - 1);
  const end = last >= 0xd800 && last <= 0xdbff ? maxCharacters - 1 : maxCharacters;
  return `${text.slice(0, end)}…`;
}
