/** Words that say nothing about which tool is meant. */
const STOP_WORDS: ReadonlySet<string> = new Set(
  (
    "a an the of to for in on at by with from as and or is are was be been being it its this that these those i me my " +
    "we our us you your he she they them their do does did can could would should will shall may might must have has " +
    "had not no so if then than there here what which who whom how when where why please want need like am about into " +
    "also just any some all using use used tell give let s t d ll m re ve"
  ).split(" "),
);

const WORD = /[\p{L}\p{M}\p{N}]+/gu;
const CAMEL = /(\p{Ll}|\p{N})(\p{Lu})|(\p{Lu})(\p{Lu}\p{Ll})/gu;
const WIDE_SCRIPT = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]+$/u;

/**
 * Makes a function that cuts texts into comparable terms: camelCase and snake_case parted, lower
 * case, stop words left out where others remain, light English stems. Scripts without spaces become
 * pairs of characters. The function remembers every word it has met: keep it no longer than the texts.
 */
export function createTermReader(): (text: string) => readonly string[] {
  const known = new Map<string, readonly string[]>();
  return (text) => {
    const terms: string[] = [];
    const words = text.match(WORD) ?? [];
    for (const word of words) {
      let parts = known.get(word);
      if (parts === undefined) {
        parts = termsOfWord(word);
        known.set(word, parts);
      }
      for (const part of parts) terms.push(part);
    }
    return terms.length > 0 ? terms : words.map((word) => word.toLowerCase());
  };
}

function termsOfWord(word: string): readonly string[] {
  const terms: string[] = [];
  for (const part of word.replace(CAMEL, "$1$3 $2$4").normalize("NFKC").toLowerCase().split(" ")) {
    if (WIDE_SCRIPT.test(part)) pushPairs(part, terms);
    else if (!STOP_WORDS.has(part)) terms.push(stem(part));
  }
  return terms;
}

function pushPairs(word: string, terms: string[]): void {
  const characters = [...word];
  if (characters.length === 1) terms.push(word);
  for (let at = 0; at + 1 < characters.length; at++) terms.push(`${characters[at]}${characters[at + 1]}`);
}

const VOWEL = /[aeiouy]/;
const DOUBLED = /([bdfgmnprt])\1$/;

/** Folds inflected forms onto one term: `issues`, `listing`, `created`, `create` meet their base form. */
function stem(word: string): string {
  if (word.length < 4 || !/^[a-z]+$/.test(word)) return word;
  let base = singular(word);
  for (const ending of ["ing", "ed"]) {
    const rest = base.slice(0, -ending.length);
    if (base.endsWith(ending) && rest.length >= 3 && VOWEL.test(rest)) {
      base = rest.replace(DOUBLED, "$1");
      break;
    }
  }
  if (base.length > 4 && base.endsWith("e")) base = base.slice(0, -1);
  return base.length > 3 && base.endsWith("y") ? `${base.slice(0, -1)}i` : base;
}

function singular(word: string): string {
  if (word.endsWith("ies")) return word.length > 4 ? `${word.slice(0, -3)}y` : word;
  if (/(?:ss|us|is)$/.test(word) || !word.endsWith("s")) return word;
  if (/(?:sh|ch|x|z|ss)es$/.test(word)) return word.slice(0, -2);
  return word.slice(0, -1);
}
