/**
 * Trusted: computes val_bpb from what the trained model answers. `--holdout` scores the sealed text instead.
 *
 * It never sees the model's own loss, normalises the distributions itself, and refuses a model that looks at the
 * tokens which it is asked to predict. For that each scored window goes to one of two answering processes; the other
 * gets a window with the same start, up to a random cut, and another real continuation. Up to the cut the two must
 * answer the same. Which copy gets which, the cuts, the continuations and the order come from SECRET, and neither copy
 * ever sees both windows.
 *
 * The scored windows are the same every time and lie apart; the continuations come from the text between them. So the
 * choice of windows adds no noise, and no question gives away the text of a later one.
 */
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { loadTokenizer, loadTokens, type Split, VOCABULARY, WINDOW } from "./prepare.ts";
import { tokenBytes } from "./tokenizer.ts";

/** How many windows are scored. */
const WINDOWS = 48;

/** Nats by which the two copies may differ in any log-probability: rounding, no more. */
const TOLERANCE = 1e-3;

interface Question {
  /** What the model sees, and the tokens that follow each position of it. */
  inputs: number[];
  targets: number[];
  /** `inputs` up to and including position `cut`, then other text. */
  decoy: number[];
  cut: number;
  /** Which copy gets the true window. */
  to: 0 | 1;
}

/** The questions of one scoring, in a secret order. */
function questions(tokens: Uint16Array, secret: () => number): Question[] {
  const spacing = Math.floor(tokens.length / WINDOWS);
  if (spacing < 3 * WINDOW) throw new Error(`${tokens.length} tokens are too few for ${WINDOWS} windows.`);
  const all = Array.from({ length: WINDOWS }, (_, slot): Question => {
    const start = slot * spacing;
    const inputs = [...tokens.subarray(start, start + WINDOW)];
    const targets = [...tokens.subarray(start + 1, start + WINDOW + 1)];
    const cut = Math.floor(secret() * (WINDOW - 1));
    // Between the end of a scored window and the start of the next one.
    const gap = Math.floor(secret() * WINDOWS) * spacing + WINDOW + 1;
    const room = spacing - 2 * WINDOW - 1;
    const from = gap + Math.floor(secret() * room);
    const decoy = [...inputs.slice(0, cut + 1), ...tokens.subarray(from, from + WINDOW - cut - 1)];
    return { inputs, targets, decoy, cut, to: secret() < 0.5 ? 0 : 1 };
  });
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(secret() * (i + 1));
    [all[i], all[j]] = [all[j] as Question, all[i] as Question];
  }
  return all;
}

/** Numbers in [0, 1) that only who knows the secret can foresee: SHA-256 of the secret and a counter. */
function secretNumbers(secret: string): () => number {
  let count = 0;
  return () => createHash("sha256").update(`${secret}:${count++}`).digest().readUIntBE(0, 6) / 2 ** 48;
}

/** Reads an answer: base64 of float32, one score per position and token; gives log-probabilities in nats. */
function logProbabilities(answer: unknown): Float64Array {
  const wanted = WINDOW * VOCABULARY;
  const bytes = Buffer.from(typeof answer === "string" ? answer : "", "base64");
  if (bytes.length !== wanted * 4)
    refuse(
      `the answer holds ${bytes.length} bytes; base64 of ${wanted * 4} is wanted (${WINDOW} positions × ${VOCABULARY} float32)`,
    );
  const scores = new Float32Array(wanted);
  Buffer.from(scores.buffer).set(bytes);
  const bad = scores.find((score) => !Number.isFinite(score));
  if (bad !== undefined) refuse(`the answer holds ${bad}; every score must be a finite number`);
  const logs = new Float64Array(scores);
  for (let row = 0; row < wanted; row += VOCABULARY) {
    let most = Number.NEGATIVE_INFINITY;
    for (let i = row; i < row + VOCABULARY; i++) most = Math.max(most, logs[i] as number);
    let sum = 0;
    for (let i = row; i < row + VOCABULARY; i++) sum += Math.exp((logs[i] as number) - most);
    const total = most + Math.log(sum);
    for (let i = row; i < row + VOCABULARY; i++) logs[i] = (logs[i] as number) - total;
  }
  return logs;
}

/** Refuses the model when the two copies differ at a position up to the cut. */
function compare(question: Question, truth: Float64Array, other: Float64Array): void {
  for (let i = 0; i < (question.cut + 1) * VOCABULARY; i++) {
    const difference = Math.abs((truth[i] as number) - (other[i] as number));
    if (difference <= TOLERANCE) continue;
    const position = Math.floor(i / VOCABULARY);
    refuse(
      `the model's prediction depends on the bytes it is asked to predict, or on earlier questions: after the same ${position + 1} tokens, with another continuation, a log-probability differs by ${difference.toPrecision(3)}`,
    );
  }
}

async function score(split: Split): Promise<void> {
  const secret = process.env.SECRET;
  if (!secret) refuse("SECRET is not set; the scorer takes its cuts from it");
  const bytes = tokenBytes(loadTokenizer()).map((token) => token.length);
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  let bits = 0;
  let length = 0;
  const all = questions(loadTokens(split), secretNumbers(secret));
  const ask = (question: Question | undefined): void => {
    if (question === undefined) return;
    say({ to: question.to, ask: { tokens: question.inputs } });
    say({ to: 1 - question.to, ask: { tokens: question.decoy } });
  };
  ask(all[0]);
  for (const [index, question] of all.entries()) {
    const answers: [unknown, unknown] = [undefined, undefined];
    for (let i = 0; i < 2; i++) {
      const { value, done } = await lines.next();
      if (done) refuse("the answers ended before the last question");
      const { from, answer } = JSON.parse(value) as { from: 0 | 1; answer: unknown };
      answers[from] = answer;
    }
    // The copies work on the next question while this one is judged.
    ask(all[index + 1]);
    const truth = logProbabilities(answers[question.to]);
    compare(question, truth, logProbabilities(answers[question.to === 0 ? 1 : 0]));
    question.targets.forEach((target, position) => {
      bits -= (truth[position * VOCABULARY + target] as number) / Math.LN2;
      length += bytes[target] as number;
    });
  }
  say({ metrics: { val_bpb: bits / length } });
}

function say(message: unknown): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function refuse(reason: string): never {
  console.error(`score.ts: ${reason}.`);
  process.exit(1);
}

await score(process.argv.includes("--holdout") ? "holdout" : "val");
process.exit(0);
