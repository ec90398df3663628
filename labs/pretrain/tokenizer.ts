/** Byte-level byte-pair encoding: the first 256 tokens are the bytes, every further one joins two earlier ones. */
export interface Tokenizer {
  /** The pairs that were joined, in order: pair `i` makes token `256 + i`. */
  merges: [number, number][];
}

const BYTES = 256;
/** The key of a pair of tokens: vocabularies stay far below 65,536. */
const PAIR = 65_536;

/** Where a token may not reach across: words (with the space before them), digits, marks, line starts, space. */
const PIECE = /\n+[ \t]*| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+/gu;

/** Learns the most frequent joins of `text` until there are `size` tokens (or nothing is left to join). */
export function learnTokenizer(text: string, size: number): Tokenizer {
  const counts = new Map<string, number>();
  for (const [piece] of text.matchAll(PIECE)) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  const words = [...counts].map(([piece, count]) => ({ tokens: [...Buffer.from(piece)], count }));
  const merges: [number, number][] = [];
  while (BYTES + merges.length < size) {
    const best = mostFrequentPair(words);
    if (best === undefined) break;
    const pair: [number, number] = [Math.floor(best / PAIR), best % PAIR];
    const token = BYTES + merges.length;
    for (const word of words) word.tokens = join(word.tokens, pair, token);
    merges.push(pair);
  }
  return { merges };
}

/** The tokens of a text. Decoding them gives the text's UTF-8 bytes back, whatever the text. */
export function encode(tokenizer: Tokenizer, text: string): Uint16Array {
  const ranks = new Map(tokenizer.merges.map(([a, b], rank) => [a * PAIR + b, rank]));
  const known = new Map<string, number[]>();
  const tokens: number[] = [];
  for (const [piece] of text.matchAll(PIECE)) {
    let encoded = known.get(piece);
    if (encoded === undefined) {
      encoded = encodePiece(tokenizer, ranks, piece);
      known.set(piece, encoded);
    }
    for (const token of encoded) tokens.push(token);
  }
  return Uint16Array.from(tokens);
}

/** The bytes that the tokens stand for. A token outside the vocabulary is a RangeError. */
export function decode(tokenizer: Tokenizer, tokens: Iterable<number>): Buffer {
  const table = tokenBytes(tokenizer);
  const parts: Uint8Array[] = [];
  for (const token of tokens) {
    const bytes = table[token];
    if (bytes === undefined) throw new RangeError(`Token ${token} is not one of the ${table.length} known.`);
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

/** The bytes of each token of the vocabulary. */
export function tokenBytes(tokenizer: Tokenizer): Uint8Array[] {
  const table: Uint8Array[] = Array.from({ length: BYTES }, (_, byte) => Uint8Array.of(byte));
  for (const [a, b] of tokenizer.merges) table.push(Uint8Array.of(...(table[a] ?? []), ...(table[b] ?? [])));
  return table;
}

function encodePiece(tokenizer: Tokenizer, ranks: Map<number, number>, piece: string): number[] {
  let tokens = [...Buffer.from(piece)];
  for (;;) {
    let first = Number.POSITIVE_INFINITY;
    for (const key of pairsOf(tokens)) first = Math.min(first, ranks.get(key) ?? Number.POSITIVE_INFINITY);
    const pair = tokenizer.merges[first];
    if (pair === undefined) return tokens;
    tokens = join(tokens, pair, BYTES + first);
  }
}

/** The key of the pair that occurs most often and at least twice; the smaller key where two are equal. */
function mostFrequentPair(words: { tokens: number[]; count: number }[]): number | undefined {
  const pairs = new Map<number, number>();
  for (const { tokens, count } of words) {
    for (const key of pairsOf(tokens)) pairs.set(key, (pairs.get(key) ?? 0) + count);
  }
  let best: number | undefined;
  let most = 1;
  for (const [key, count] of pairs) {
    if (count > most || (count === most && best !== undefined && key < best)) {
      best = key;
      most = count;
    }
  }
  return best;
}

function* pairsOf(tokens: number[]): Generator<number> {
  let before: number | undefined;
  for (const token of tokens) {
    if (before !== undefined) yield before * PAIR + token;
    before = token;
  }
}

/** Replaces each occurrence of the pair, from left to right. */
function join(tokens: number[], [a, b]: [number, number], token: number): number[] {
  const joined: number[] = [];
  for (let i = 0; i < tokens.length; i++) {
    if (tokens[i] === a && tokens[i + 1] === b) {
      joined.push(token);
      i++;
    } else {
      joined.push(tokens[i] as number);
    }
  }
  return joined;
}
