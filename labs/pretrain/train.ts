/**
 * The one file to change: a small GPT, its optimizer and its training loop, on one core.
 *
 * `node train.ts` trains for TRAIN_SECONDS and leaves the model in $OUT. `node train.ts --answer` loads it and
 * gives, for each window of tokens on standard input, scores for the token after each position.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { defaultDevice, init, jit, nn, numpy as np, valueAndGrad } from "@jax-js/jax";
import { loadTrain, randomNumbers, sampleBatch, VOCABULARY } from "./prepare.ts";

// The model.
const DEPTH = 3;
const WIDTH = 96;
const HEADS = 4;
const MLP_RATIO = 4;
const CONTEXT = 64;
const ACTIVATION: "relu" | "gelu" | "silu" | "squared-relu" = "relu";
const POSITIONS: "learned" | "rotary" | "none" = "learned";
const TIED_EMBEDDING = false;
const NORMALIZED_QK = false;
const INIT_SCALE = 0.02;

// The training.
const BATCH = 16;
const LEARNING_RATE = 0.001;
const WARMUP = 0.1;
const COOLDOWN = 0.2;
const BETA1 = 0.9;
const BETA2 = 0.999;
const WEIGHT_DECAY = 0.1;
const GRADIENT_CLIP = 1;

const SECONDS = positive("TRAIN_SECONDS", Number(process.env.TRAIN_SECONDS ?? 15));
const SEED = Number(process.env.SEED ?? 0);
const OUT = process.env.OUT ?? process.env.TMPDIR ?? ".";

const HEAD_WIDTH = whole("WIDTH / HEADS", WIDTH / HEADS);
const HIDDEN = whole("WIDTH * MLP_RATIO", WIDTH * MLP_RATIO);

type Shapes = Record<string, number[]>;
type Weights = Record<string, Float32Array<ArrayBuffer>>;
type Arrays = Record<string, np.Array>;

/** Every parameter and its shape. */
function shapes(): Shapes {
  const all: Shapes = { embedding: [VOCABULARY, WIDTH] };
  if (POSITIONS === "learned") all.positions = [CONTEXT, WIDTH];
  for (let layer = 0; layer < DEPTH; layer++) {
    all[`${layer}.query`] = [WIDTH, WIDTH];
    all[`${layer}.key`] = [WIDTH, WIDTH];
    all[`${layer}.value`] = [WIDTH, WIDTH];
    all[`${layer}.out`] = [WIDTH, WIDTH];
    all[`${layer}.up`] = [WIDTH, HIDDEN];
    all[`${layer}.down`] = [HIDDEN, WIDTH];
  }
  if (!TIED_EMBEDDING) all.head = [WIDTH, VOCABULARY];
  return all;
}

/** Normal random weights; what a layer adds to the stream starts smaller the more layers there are. */
function initialWeights(random: () => number): Weights {
  const weights: Weights = {};
  for (const [name, shape] of Object.entries(shapes())) {
    const scale = /out|down/.test(name) ? INIT_SCALE / Math.sqrt(2 * DEPTH) : INIT_SCALE;
    weights[name] = Float32Array.from({ length: product(shape) }, () => scale * normal(random));
  }
  return weights;
}

/**
 * The model: embedded tokens (rows × CONTEXT, WIDTH) to scores (rows × CONTEXT, VOCABULARY). Takes over its arguments,
 * as all of jax-js does: `.ref` keeps an array that is used again.
 */
function model(weights: Arrays, embedded: np.Array, rows: number): np.Array {
  const get = (name: string): np.Array => (weights[name] as np.Array).ref;
  const positions = rows * CONTEXT;
  let stream = embedded;
  if (POSITIONS === "learned")
    stream = stream.reshape([rows, CONTEXT, WIDTH]).add(get("positions")).reshape([positions, WIDTH]);
  for (let layer = 0; layer < DEPTH; layer++) {
    const seen = normalized(stream.ref);
    const [query, key, value] = ["query", "key", "value"].map((name) =>
      np.matmul(seen.ref, get(`${layer}.${name}`)).reshape([rows, CONTEXT, HEADS, HEAD_WIDTH]),
    ) as [np.Array, np.Array, np.Array];
    seen.dispose();
    const heads = nn.dotProductAttention(placed(query), placed(key), value, { isCausal: true });
    stream = stream.add(np.matmul(heads.reshape([positions, WIDTH]), get(`${layer}.out`)));
    const hidden = activation(np.matmul(normalized(stream.ref), get(`${layer}.up`)));
    stream = stream.add(np.matmul(hidden, get(`${layer}.down`)));
  }
  const head = TIED_EMBEDDING ? get("embedding").transpose() : get("head");
  const scores = np.matmul(normalized(stream), head);
  for (const weight of Object.values(weights)) weight.dispose();
  return scores;
}

/** Divides by the root of the mean square over the last axis. */
function normalized(x: np.Array): np.Array {
  const square = np.mean(np.square(x.ref), -1, { keepdims: true });
  return x.mul(np.reciprocal(np.sqrt(square.add(1e-6))));
}

function activation(x: np.Array): np.Array {
  switch (ACTIVATION as string) {
    case "relu":
      return nn.relu(x);
    case "gelu":
      return nn.gelu(x);
    case "silu":
      return nn.silu(x);
    case "squared-relu":
      return np.square(nn.relu(x));
    default:
      return fail(`ACTIVATION is ${ACTIVATION}, which is none of those that are known`);
  }
}

/** Queries or keys (rows, CONTEXT, HEADS, HEAD_WIDTH), normalised and turned by their position where that is on. */
function placed(x: np.Array): np.Array {
  const even = NORMALIZED_QK ? normalized(x) : x;
  if ((POSITIONS as string) !== "rotary") return even;
  const half = whole("WIDTH / HEADS / 2", HEAD_WIDTH / 2);
  const angles = (turn: (angle: number) => number) =>
    np
      .array(
        Float32Array.from({ length: CONTEXT * half }, (_, i) =>
          turn(Math.floor(i / half) * 10_000 ** (-(i % half) / half)),
        ),
      )
      .reshape([CONTEXT, 1, half]);
  const [left, right] = np.split(even, 2, -1) as [np.Array, np.Array];
  const cos = angles(Math.cos);
  const sin = angles(Math.sin);
  return np.concatenate(
    [left.ref.mul(cos.ref).sub(right.ref.mul(sin.ref)), right.mul(cos).add(left.mul(sin))],
    -1,
  );
}

/** Mean loss in nats per token. */
function loss(weights: Arrays, embedded: np.Array, targets: np.Array): np.Array {
  const logs = nn.logSoftmax(model(weights, embedded, BATCH), -1);
  return np.sum(logs.mul(nn.oneHot(targets, VOCABULARY))).mul(-1 / (BATCH * CONTEXT));
}

/** The embedding's row for each token. Outside the jitted part: there a gather and its gradient are slow. */
function embed(weights: Weights, tokens: Int32Array): np.Array {
  const embedding = weights.embedding as Float32Array;
  const rows = new Float32Array(tokens.length * WIDTH);
  tokens.forEach((token, row) => {
    rows.set(embedding.subarray(token * WIDTH, (token + 1) * WIDTH), row * WIDTH);
  });
  return np.array(rows).reshape([tokens.length, WIDTH]);
}

/** The gradient of `embed`: adds each row's slope to its token's row. */
function addEmbedded(gradient: Float32Array, tokens: Int32Array, slopes: Float32Array): void {
  tokens.forEach((token, row) => {
    for (let i = 0; i < WIDTH; i++)
      gradient[token * WIDTH + i] =
        (gradient[token * WIDTH + i] as number) + (slopes[row * WIDTH + i] as number);
  });
}

/** The factor on the learning rate at a point of the training, 0 to 1: a rise, a plateau, a fall to 0. */
function schedule(progress: number): number {
  if (progress < WARMUP) return progress / WARMUP;
  if (progress <= 1 - COOLDOWN) return 1;
  return (1 - progress) / COOLDOWN;
}

/** AdamW (Loshchilov and Hutter 2019): one update of all weights, in place. Matrices decay, towards 0. */
function optimizer(weights: Weights): (gradients: Weights, rate: number) => void {
  const means = mapValues(weights, (weight) => new Float32Array(weight.length));
  const squares = mapValues(weights, (weight) => new Float32Array(weight.length));
  let step = 0;
  return (gradients, rate) => {
    step++;
    const clip = Math.min(1, GRADIENT_CLIP / (norm(gradients) + 1e-12));
    const meanScale = 1 / (1 - BETA1 ** step);
    const squareScale = 1 / (1 - BETA2 ** step);
    for (const [name, weight] of Object.entries(weights)) {
      const gradient = gradients[name] as Float32Array;
      const mean = means[name] as Float32Array;
      const square = squares[name] as Float32Array;
      for (let i = 0; i < weight.length; i++) {
        const g = clip * (gradient[i] as number);
        const m = BETA1 * (mean[i] as number) + (1 - BETA1) * g;
        const s = BETA2 * (square[i] as number) + (1 - BETA2) * g * g;
        mean[i] = m;
        square[i] = s;
        const direction = (m * meanScale) / (Math.sqrt(s * squareScale) + 1e-8);
        weight[i] = (weight[i] as number) - rate * (direction + WEIGHT_DECAY * (weight[i] as number));
      }
    }
  };
}

async function train(): Promise<void> {
  const tokens = loadTrain();
  const random = randomNumbers(SEED);
  const weights = initialWeights(random);
  const update = optimizer(weights);
  const gradientOf = jit(valueAndGrad(loss, { argnums: [0, 1] }));
  const started = performance.now();
  let clock = started;
  for (let step = 1; ; step++) {
    const { inputs, targets } = sampleBatch(tokens, BATCH, CONTEXT, random);
    const [value, [slopes, embeddedSlopes]] = gradientOf(
      toArrays(weights),
      embed(weights, inputs),
      np.array(targets),
    ) as [np.Array, [Arrays, np.Array]];
    const nats = (await value.data())[0] as number;
    if (!Number.isFinite(nats))
      fail(`the loss is ${nats} at step ${step}, the training has diverged: try a lower LEARNING_RATE`);
    const gradients: Weights = {};
    for (const [name, slope] of Object.entries(slopes))
      gradients[name] = (await slope.data()) as Weights[string];
    addEmbedded(gradients.embedding as Float32Array, inputs, (await embeddedSlopes.data()) as Float32Array);
    // The clock starts after the first step, which carries the compilation.
    if (step === 1) clock = performance.now();
    const seconds = (performance.now() - clock) / 1000;
    update(gradients, LEARNING_RATE * schedule(Math.min(1, seconds / SECONDS)));
    if (step === 1 || step % 10 === 0 || seconds >= SECONDS) {
      const all = Math.max(step, Math.round((step * SECONDS) / Math.max(seconds, 1e-3)));
      console.log(
        `step ${step}/${step === 1 ? "?" : all} loss ${nats.toFixed(4)} seconds ${seconds.toFixed(1)}`,
      );
    }
    if (seconds >= SECONDS) break;
  }
  console.log(`compilation ${((clock - started) / 1000).toFixed(2)} s`);
  save(weights);
}

function save(weights: Weights): void {
  const parts = Object.values(weights).map((weight) => new Uint8Array(weight.buffer));
  writeFileSync(join(OUT, "model.bin"), Buffer.concat(parts));
}

function load(): Weights {
  const bytes = readFileSync(join(OUT, "model.bin"));
  const weights: Weights = {};
  let at = 0;
  for (const [name, shape] of Object.entries(shapes())) {
    const weight = new Float32Array(product(shape));
    Buffer.from(weight.buffer).set(bytes.subarray(at, at + weight.byteLength));
    at += weight.byteLength;
    weights[name] = weight;
  }
  if (at !== bytes.length) throw new Error(`model.bin holds ${bytes.length} bytes, this model has ${at}.`);
  return weights;
}

/**
 * Scores for the token after each of `tokens`, as text (base64 of float32, tokens × VOCABULARY). A window longer than
 * CONTEXT is read in pieces that overlap by half.
 */
function scorer(weights: Weights): (tokens: number[]) => Promise<string> {
  const run = jit((arrays: Arrays, embedded: np.Array) => model(arrays, embedded, 1));
  const arrays = toArrays(weights);
  const stride = Math.max(1, Math.floor(CONTEXT / 2));
  return async (tokens) => {
    const scores = new Float32Array(tokens.length * VOCABULARY);
    for (let start = 0, done = 0; done < tokens.length; start += stride) {
      const piece = new Int32Array(CONTEXT);
      piece.set(tokens.slice(start, start + CONTEXT));
      const kept = mapValues(arrays, (array) => array.ref);
      const found = (await run(kept, embed(weights, piece)).data()) as Float32Array;
      const end = Math.min(tokens.length, start + CONTEXT);
      scores.set(found.subarray((done - start) * VOCABULARY, (end - start) * VOCABULARY), done * VOCABULARY);
      done = end;
    }
    return Buffer.from(scores.buffer).toString("base64");
  };
}

async function answer(): Promise<void> {
  const score = scorer(load());
  console.log(JSON.stringify({ ready: true }));
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, ask } = JSON.parse(line) as { id: string; ask: { tokens: number[] } };
    console.log(JSON.stringify({ id, answer: await score(ask.tokens) }));
  }
}

function toArrays(weights: Weights): Arrays {
  const all = shapes();
  return mapValues(weights, (weight, name) => np.array(weight).reshape(all[name] as number[]));
}

function mapValues<T, U>(
  record: Record<string, T>,
  change: (value: T, name: string) => U,
): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value, name)]));
}

function norm(gradients: Weights): number {
  let sum = 0;
  for (const gradient of Object.values(gradients)) for (const g of gradient) sum += g * g;
  return Math.sqrt(sum);
}

function product(shape: number[]): number {
  return shape.reduce((all, size) => all * size, 1);
}

/** A normally distributed random number (Box and Muller 1958). */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function whole(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 1) fail(`${name} is ${value}, it must be a whole number from 1 on`);
  return value;
}

function positive(name: string, value: number): number {
  if (!(value > 0)) fail(`${name} is ${value}, it must be above 0`);
  return value;
}

function share(name: string, value: number): number {
  if (!(value >= 0 && value <= 1)) fail(`${name} is ${value}, it must be from 0 to 1`);
  return value;
}

/** Ends the process with one line that says why. */
function fail(reason: string): never {
  console.error(`train.ts: ${reason}`);
  process.exit(1);
}

for (const [name, value] of Object.entries({ DEPTH, WIDTH, HEADS, CONTEXT, BATCH })) whole(name, value);
for (const [name, value] of Object.entries({ LEARNING_RATE, INIT_SCALE, GRADIENT_CLIP }))
  positive(name, value);
for (const [name, value] of Object.entries({ WARMUP, COOLDOWN, BETA1, BETA2 })) share(name, value);
share("WARMUP + COOLDOWN", WARMUP + COOLDOWN);
await init("wasm");
defaultDevice("wasm");
await (process.argv.includes("--answer") ? answer() : train());
