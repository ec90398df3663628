/** The words of a hypothesis as a set: small letters, numbers whole. */
export function wordsOf(text: string): Set<string> {
  return new Set(text.toLowerCase().match(/[\p{L}_][\p{L}\p{N}_]*|[\d.]*\d/gu));
}

/** Share of the words of both that stand in both (Jaccard), 0 to 1. */
export function likeness(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  if (a.size === 0 || b.size === 0) return 0;
  let common = 0;
  for (const word of a) if (b.has(word)) common++;
  return common / (a.size + b.size - common);
}

/** From here on two hypotheses count as nearly the same. */
export const nearlyTheSame = 0.8;

/** Puts what is nearly the same together; the first of each group stands for it. */
export function grouped<Item>(items: readonly Item[], text: (item: Item) => string): Item[][] {
  const groups: { words: Set<string>; members: Item[] }[] = [];
  for (const item of items) {
    const words = wordsOf(text(item));
    const group = groups.find((each) => likeness(each.words, words) >= nearlyTheSame);
    if (group) group.members.push(item);
    else groups.push({ words, members: [item] });
  }
  return groups.map(({ members }) => members);
}
