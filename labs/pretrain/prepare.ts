/**
 * Fixed: the corpus, its split, the tokenizer, the batches. `node prepare.ts` writes `data/`; train.ts and
 * score.ts import the rest.
 *
 * The corpus is the declaration files of the npm package `@types/node`: English prose about an interface and
 * the TypeScript that declares it, the same on every platform.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { encode, learnTokenizer, type Tokenizer } from "./tokenizer.ts";

/** Tokens in the vocabulary. */
export const VOCABULARY = 512;

/** Tokens of one scored window: the longest context that the scorer gives. */
export const WINDOW = 128;

const DATA = join(import.meta.dirname, "data");

export type Split = "train" | "val" | "holdout";

/** Module families kept out of training. `fs.d.ts` and `fs/promises.d.ts` are one family, `fs`. */
const HELD_OUT: Record<Exclude<Split, "train">, readonly string[]> = {
  val: ["child_process", "url", "util", "worker_threads"],
  holdout: ["assert", "buffer", "net", "v8"],
};

/** Which split a file of the corpus belongs to; undefined: none, it repeats another file for an older compiler. */
export function splitOf(file: string): Split | undefined {
  if (/^ts\d/.test(file)) return undefined;
  const family = file.split(/[./]/, 1)[0] ?? "";
  if (HELD_OUT.val.includes(family)) return "val";
  return HELD_OUT.holdout.includes(family) ? "holdout" : "train";
}

/** The corpus: the path of each declaration file in the package, with `/`, in order, and its text. */
export function readCorpus(): { file: string; text: string }[] {
  const folder = dirname(createRequire(import.meta.url).resolve("@types/node/package.json"));
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".d.ts"))
    .map((file) => ({ file: file.replaceAll("\\", "/"), text: readFileSync(join(folder, file), "utf8") }))
    .sort((a, b) => (a.file < b.file ? -1 : 1));
}

/** The tokens of the training text, in file order. */
export function loadTrain(): Uint16Array {
  return loadTokens("train");
}

/** The tokens of one split. In the sandbox only "train" is there. */
export function loadTokens(split: Split): Uint16Array {
  const bytes = readData(`${split}.bin`);
  return new Uint16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

export function loadTokenizer(): Tokenizer {
  return JSON.parse(readData("tokenizer.json").toString("utf8")) as Tokenizer;
}

/** Random numbers in [0, 1), the same for the same seed on every machine (SplitMix32's mixing steps). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** Token windows for one training step: `targets` is `inputs` one token later. Both are rows × length, flat. */
export interface Batch {
  inputs: Int32Array<ArrayBuffer>;
  targets: Int32Array<ArrayBuffer>;
}

/** Takes `rows` windows of `length` tokens from random places of `tokens`. */
export function sampleBatch(tokens: Uint16Array, rows: number, length: number, random: () => number): Batch {
  const inputs = new Int32Array(rows * length);
  const targets = new Int32Array(rows * length);
  for (let row = 0; row < rows; row++) {
    const start = Math.floor(random() * (tokens.length - length));
    inputs.set(tokens.subarray(start, start + length), row * length);
    targets.set(tokens.subarray(start + 1, start + length + 1), row * length);
  }
  return { inputs, targets };
}

function readData(name: string): Buffer {
  try {
    return readFileSync(join(DATA, name));
  } catch (error) {
    throw new Error(`data/${name} cannot be read. Run \`node prepare.ts\` in the lab folder first.`, {
      cause: error,
    });
  }
}

function prepare(): void {
  const texts: Record<Split, string> = { train: "", val: "", holdout: "" };
  for (const { file, text } of readCorpus()) {
    const split = splitOf(file);
    if (split !== undefined) texts[split] += text;
  }
  const tokenizer = learnTokenizer(texts.train, VOCABULARY);
  mkdirSync(DATA, { recursive: true });
  writeFileSync(join(DATA, "tokenizer.json"), JSON.stringify(tokenizer));
  for (const split of ["train", "val", "holdout"] as const) {
    const tokens = encode(tokenizer, texts[split]);
    writeFileSync(join(DATA, `${split}.bin`), tokens);
    const bytes = Buffer.byteLength(texts[split]);
    console.log(
      `${split}: ${bytes} bytes, ${tokens.length} tokens, ${(bytes / tokens.length).toFixed(2)} bytes a token`,
    );
  }
}

if (import.meta.main) prepare();
