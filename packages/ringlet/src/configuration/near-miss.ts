/** Near misses: which of the known words somebody probably meant. */

/** Edits, counting a swap of neighbours as one, that turn `a` into `b` (optimal string alignment). */
function distance(a: string, b: string): number {
  let previous: number[] = [];
  let current = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const beforePrevious = previous;
    previous = current;
    current = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + same);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) best = Math.min(best, beforePrevious[j - 2]! + 1);
      current.push(best);
    }
  }
  return current[b.length]!;
}

/**
 * The word of `known` that is nearest to `word`, or `undefined` when none is near.
 * Case, hyphens and underscores do not count. Looks at no more than the first 64 characters.
 */
export function nearMiss(word: string, known: readonly string[]): string | undefined {
  const bare = (text: string): string => text.slice(0, 64).toLowerCase().replaceAll(/[-_]/g, '');
  const wanted = bare(word);
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of known) {
    const edits = distance(wanted, bare(candidate));
    if (edits < bestDistance) {
      best = candidate;
      bestDistance = edits;
    }
  }
  return best;
}
