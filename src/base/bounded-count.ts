/**
 * Counts the tokens of a text in time that grows with its length, and never much longer than `deadline`.
 *
 * A tokenizer needs quadratic time for a run without a boundary (a megabyte of one letter: hours), so
 * the text is counted in pieces, cut where the vocabulary's pattern ends a word in any case; only a
 * run of more than 256 equal kinds of characters is cut inside. What is left when `now()` passes the
 * deadline counts one token a byte: an answer may be too high, never too low.
 */
export function countBounded(
  text: string,
  count: (piece: string) => number,
  deadline: number,
  now: () => number = () => performance.now(),
): number {
  let tokens = 0;
  for (let start = 0; start < text.length; ) {
    if (start > 0 && now() > deadline) return tokens + new TextEncoder().encode(text.slice(start)).length;
    const end = start + PIECE_CHARS >= text.length ? text.length : findCut(text, start + PIECE_CHARS);
    tokens += count(text.slice(start, end));
    start = end;
  }
  return tokens;
}

const PIECE_CHARS = 1_024;
/** How far back a cut is looked for. Characters. */
const LOOK_BACK_CHARS = 256;

const LETTER = /[\p{L}\p{M}]/u;
const DIGIT = /\p{N}/u;
/** What may go on with a word (`'s`), or be half of a character. */
const CONTINUES = /['\u2019\p{Cs}]/u;

function findCut(text: string, latest: number): number {
  for (let at = latest; at > latest - LOOK_BACK_CHARS; at -= 1) {
    const before = text.charAt(at - 1);
    const after = text.charAt(at);
    if (CONTINUES.test(after)) continue;
    if (LETTER.test(before) ? !LETTER.test(after) : DIGIT.test(before) && !DIGIT.test(after)) return at;
  }
  const unit = text.charCodeAt(latest - 1);
  // Never between the two halves of a character.
  return unit >= 0xd800 && unit <= 0xdbff ? latest - 1 : latest;
}
