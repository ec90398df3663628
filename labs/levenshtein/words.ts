/** Seeded, pronounceable words and misspellings of them. */
export function task(seed: number): { dictionary: string[]; queries: string[] } {
  let state = (seed ^ 0x5bd1e995) >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const pick = <T>(list: ArrayLike<T>): T => list[Math.floor(random() * list.length)] as T;
  const word = () => {
    let text = "";
    const syllables = 2 + Math.floor(random() * 4);
    for (let i = 0; i < syllables; i++)
      text += pick("bcdfghklmnprstvz") + pick(["a", "e", "i", "o", "u", "ou", "ei", "an", "er"]);
    return text;
  };
  const dictionary = [...new Set(Array.from({ length: 9000 }, word))];
  const queries = Array.from({ length: 240 }, () => {
    const letters = pick(dictionary).split("");
    const mistakes = 1 + Math.floor(random() * 3);
    for (let i = 0; i < mistakes; i++)
      letters[Math.floor(random() * letters.length)] = pick("abcdefghiklmnoprstuvz");
    return letters.join("");
  });
  return { dictionary, queries };
}
