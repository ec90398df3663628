/** Characters that are taken for one token: an estimate that errs on the high side for English and for code. */
export const charactersPerToken = 4;

/** Tokens of a text, estimated: a quarter of its characters (UTF-16 units), rounded up. */
export function tokensOf(text: string): number {
  return Math.ceil(text.length / charactersPerToken);
}
