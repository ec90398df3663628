// Words whose length differs by more than this from the query are looked at last.
const LENGTH_WINDOW = 20; // 0 .. 40
// A row is computed only this far from the diagonal while a closer word is already known.
const BAND = 20; // 1 .. 40
// Stop a comparison as soon as the whole row is no better than the best word so far.
const GIVE_UP_EARLY = false;
// Keep the rows between calls instead of making new ones.
const REUSE_ROWS = false;

let kept: number[] = [];

/** Edit distance of two words, or `limit` when it is not below it. */
function distance(a: string, b: string, limit: number): number {
  const band = Math.max(BAND, Math.abs(a.length - b.length) + 1, limit);
  const row = REUSE_ROWS && kept.length > b.length ? kept : new Array<number>(b.length + 1);
  if (REUSE_ROWS) kept = row;
  for (let j = 0; j <= b.length; j++) row[j] = j;
  for (let i = 1; i <= a.length; i++) {
    let diagonal = row[0] as number;
    row[0] = i;
    let smallest = i;
    const from = Math.max(1, i - band);
    const to = Math.min(b.length, i + band);
    for (let j = from; j <= to; j++) {
      const above = row[j] as number;
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      const value = Math.min(above + 1, (row[j - 1] as number) + 1, diagonal + cost);
      diagonal = above;
      row[j] = value;
      if (value < smallest) smallest = value;
    }
    if (GIVE_UP_EARLY && smallest >= limit) return limit;
  }
  return Math.min(limit, row[b.length] as number);
}

/** The first dictionary word with the smallest edit distance to the query. */
export function nearest(query: string, dictionary: readonly string[]): { index: number; distance: number } {
  let best = { index: -1, distance: Number.MAX_SAFE_INTEGER };
  for (const near of [true, false])
    for (const [index, word] of dictionary.entries()) {
      const gap = Math.abs(word.length - query.length);
      if (gap <= LENGTH_WINDOW !== near || gap > best.distance) continue;
      const limit = Math.min(best.distance + 1, Math.max(word.length, query.length) + 1);
      const found = distance(query, word, limit);
      if (found < best.distance || (found === best.distance && index < best.index))
        best = { index, distance: found };
    }
  return best;
}
