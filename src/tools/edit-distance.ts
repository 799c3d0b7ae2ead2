/** Texts are compared by at most this many characters. */
const MAX_CHARS = 96;

/**
 * How alike two names are, from 0 (nothing in common) to 1 (equal but for case and punctuation).
 * Swapped neighbours, a lost, an added and a wrong letter count as one edit each.
 */
export function similarityOf(left: string, right: string): number {
  const a = fold(left);
  const b = fold(right);
  const longest = Math.max(a.length, b.length);
  return longest === 0 ? 1 : 1 - editDistance(a, b) / longest;
}

/** The candidate most like `name`, or undefined when none is alike enough to be meant. */
export function closestName(name: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestScore = 0.6;
  for (const candidate of candidates) {
    const score = similarityOf(name, candidate);
    if (score >= bestScore && (best === undefined || score > bestScore))
      [best, bestScore] = [candidate, score];
  }
  return best;
}

function fold(name: string): string {
  return name
    .slice(0, MAX_CHARS)
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, "");
}

function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      const above = previous[column] ?? 0;
      const left = current[column - 1] ?? 0;
      const diagonal = previous[column - 1] ?? 0;
      let cost = Math.min(above + 1, left + 1, diagonal + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, (beforePrevious[column - 2] ?? 0) + 1);
      current.push(cost);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}
