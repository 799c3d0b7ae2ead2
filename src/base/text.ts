/** The length of a text as UTF-8. Bytes. */
export function textBytes(text: string): number {
  return new TextEncoder().encode(text).length;
}
