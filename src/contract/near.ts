/** The known word that differs least from a word, if it differs little: for "did you mean". */
export function nearest(word: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const far = distance(word.toLowerCase(), candidate.toLowerCase());
    if (far < least && far <= Math.max(1, Math.floor(candidate.length / 3))) [best, least] = [candidate, far];
  }
  return best;
}

/** Edit distance in which two neighbours swapped count once. */
function distance(a: string, b: string): number {
  if (a.length > 40) return a.length;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
          ? (before[j - 2] as number) + 1
          : Number.POSITIVE_INFINITY;
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, replaced, swapped));
    }
    before = row;
    row = next;
  }
  return row[b.length] as number;
}
