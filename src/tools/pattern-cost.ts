/** Patterns longer than this are not read. */
const MAX_PATTERN_CHARS = 500;

/**
 * An upper bound of the ways in which a backtracking engine can try a pattern on a text of
 * `textChars` characters; `Infinity` when the pattern is invalid or too long to tell.
 *
 * Every choice multiplies: alternatives by their number, `*` and `+` by the length of the text,
 * `{n,m}` by m - n + 1, a repeated group by its own choices once a turn, a missing `^` by the length
 * again. `(a+)+` therefore costs more than any limit; `^[a-z-]+$` costs the length.
 */
export function patternCost(pattern: string, textChars: number): number {
  if (pattern.length > MAX_PATTERN_CHARS || !isValid(pattern)) return Number.POSITIVE_INFINITY;
  const reader = new PatternReader(pattern, textChars + 1);
  const starts = pattern.startsWith("^") && !pattern.includes("|") ? 1 : textChars + 1;
  return starts * reader.readAlternatives();
}

function isValid(pattern: string): boolean {
  try {
    new RegExp(pattern, "u");
    return true;
  } catch {
    return false;
  }
}

/** Reads a valid pattern once from left to right. */
class PatternReader {
  readonly #pattern: string;
  readonly #most: number;
  #at = 0;

  constructor(pattern: string, most: number) {
    this.#pattern = pattern;
    this.#most = most;
  }

  /** Up to the end of the pattern or of the group. */
  readAlternatives(): number {
    let sum = 0;
    let product = 1;
    while (this.#at < this.#pattern.length && this.#pattern[this.#at] !== ")") {
      if (this.#pattern[this.#at] === "|") {
        this.#at += 1;
        sum += product;
        product = 1;
      } else product *= this.#readPiece();
    }
    return sum + product;
  }

  /** One atom with its quantifier. */
  #readPiece(): number {
    const choices = this.#readAtom();
    const quantifier = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/.exec(this.#pattern.slice(this.#at, this.#at + 40));
    if (quantifier === null) return choices;
    const [text, low, comma, high] = quantifier;
    this.#at += text.length;
    if (text.startsWith("?")) return choices + 1;
    const least = Number(low ?? 0);
    const most =
      low !== undefined && (comma === "" || high !== "") ? Number(high === "" ? low : high) : this.#most;
    const turns = Math.max(1, most - least + 1);
    return choices === 1 ? turns : turns * choices ** Math.max(most, 1);
  }

  #readAtom(): number {
    const character = this.#pattern[this.#at];
    if (character === "(") {
      const prefix = /^\((?:\?(?:[:=!]|<[=!]|<[^>]*>))?/.exec(this.#pattern.slice(this.#at));
      this.#at += prefix?.[0].length ?? 1;
      const choices = this.readAlternatives();
      this.#at += 1;
      return choices;
    }
    if (character === "[") {
      while (this.#at < this.#pattern.length && this.#pattern[this.#at] !== "]") this.#skipCharacter();
    }
    this.#skipCharacter();
    return 1;
  }

  #skipCharacter(): void {
    this.#at += this.#pattern[this.#at] === "\\" ? 2 : 1;
  }
}
