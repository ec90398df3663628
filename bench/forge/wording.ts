/** What a formula that reads the skill's text, and never runs it, can see. */
export interface Wording {
  words: number;
  /** Names of tools and stock words such as error or retry that the text mentions. */
  tools: number;
  keywords: number;
  /** Patterns that the analysis listed. */
  patterns: number;
  headings: boolean;
  /** How sure the judge says it is, 0.7 to 1. */
  confidence: number;
}

/**
 * The yardstick: the published implementation's gain, in points, made anew from its description (up to 25 points for the
 * number of words, tools, patterns and keywords and for Markdown shape, times the judge's confidence) and fitted to the
 * two results that are known of it: 2.8 for a bland text of 25 words, 18.0 for a line of keywords and 200 times "blah" with
 * 4 patterns at confidence 0.82. Its inner weights may differ.
 */
export function wordingGain({ words, tools, keywords, patterns, headings, confidence }: Wording): number {
  const length = words < 20 ? 0 : words < 50 ? 4 : words < 150 ? 6 : 8;
  const points =
    length + Math.min(6, 1.5 * patterns) + Math.min(5, keywords) + Math.min(3, tools) + (headings ? 3 : 0);
  return Math.min(25, points) * confidence;
}

/** The published gate: from here on a skill is kept. */
export const wordingGate = 2;

/** How a forged skill is worded: whatever it does, it is well written. */
export function wording(uniform: () => number): Wording {
  const whole = (low: number, high: number) => low + Math.floor((high - low + 1) * uniform());
  return {
    words: whole(25, 600),
    tools: whole(0, 6),
    keywords: whole(0, 8),
    patterns: whole(0, 5),
    headings: uniform() < 0.7,
    confidence: 0.7 + 0.3 * uniform(),
  };
}
