import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readCorpus, type Split, splitOf, VOCABULARY, WINDOW } from "./prepare.ts";
import { decode, encode, learnTokenizer, type Tokenizer, tokenBytes } from "./tokenizer.ts";

let root: string;
let lab: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "pretrain-"));
  lab = join(root, "labs", "pretrain");
  mkdirSync(lab, { recursive: true });
  for (const file of readdirSync(import.meta.dirname).filter((name) => name.endsWith(".ts")))
    copyFileSync(join(import.meta.dirname, file), join(lab, file));
  symlinkSync(join(import.meta.dirname, "../../node_modules"), join(root, "node_modules"));
  execFileSync(process.execPath, ["prepare.ts"], { cwd: lab });
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("the tokenizer", () => {
  it("gives back the bytes of any text", () => {
    const tokenizer = JSON.parse(readFileSync(join(lab, "data/tokenizer.json"), "utf8")) as Tokenizer;
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc
        .array(fc.constantFrom(" ", "\n", "\t", "    * ", "the", "é", "𝒳", "42", "();"))
        .map((all) => all.join("")),
    );
    fc.assert(
      fc.property(text, (it) => {
        expect(decode(tokenizer, encode(tokenizer, it)).toString("utf8")).toBe(it);
      }),
    );
  });

  it("joins the most frequent pair first and stops when nothing repeats", () => {
    const tokenizer = learnTokenizer("ab ab ab", 1000);
    expect(tokenizer.merges[0]).toEqual([97, 98]);
    expect(tokenBytes(tokenizer).map((bytes) => Buffer.from(bytes).toString())).toContain(" ab");
    expect(tokenizer.merges.length).toBeLessThan(5);
  });
});

describe("the split", () => {
  it("puts each module family into one part only, and enough text into each", () => {
    const parts = new Map<string, Set<Split>>();
    const bytes: Record<Split, number> = { train: 0, val: 0, holdout: 0 };
    for (const { file, text } of readCorpus()) {
      const split = splitOf(file);
      if (split === undefined) continue;
      const family = file.replace(/[./].*/, "");
      parts.set(family, (parts.get(family) ?? new Set()).add(split));
      bytes[split] += Buffer.byteLength(text);
    }
    expect([...parts.values()].every((splits) => splits.size === 1)).toBe(true);
    expect(bytes.train).toBeGreaterThan(1_500_000);
    expect(Math.min(bytes.val, bytes.holdout)).toBeGreaterThan(200_000);
  });

  it("is prepared the same way each time", () => {
    const read = () =>
      readdirSync(join(lab, "data")).map((name) => readFileSync(join(lab, "data", name), "base64"));
    const before = read();
    execFileSync(process.execPath, ["prepare.ts"], { cwd: lab });
    expect(read()).toEqual(before);
  });
});

type Scores = Float32Array<ArrayBuffer>;
/** What a copy answers to a window: scores, or anything else that a broken model might send. */
type Answerer = (tokens: number[], copy: number) => Scores | string;

interface Scoring {
  metrics: { val_bpb: number } | undefined;
  code: number | null;
  message: string;
  /** The windows that each copy was asked about. */
  asked: [number[][], number[][]];
}

/** Runs score.ts as its own process and carries its questions to two answerers. */
async function scoring(answerer: Answerer, secret = "one", flags: string[] = []): Promise<Scoring> {
  const scorer = spawn(process.execPath, ["score.ts", ...flags], {
    cwd: lab,
    env: { SECRET: secret, SEED: "1" },
  });
  const asked: Scoring["asked"] = [[], []];
  let metrics: Scoring["metrics"];
  let message = "";
  scorer.stderr.on("data", (text) => {
    message += text;
  });
  scorer.stdin.on("error", () => {});
  createInterface({ input: scorer.stdout }).on("line", (line) => {
    const frame = JSON.parse(line);
    if (frame.metrics) {
      metrics = frame.metrics;
      return;
    }
    asked[frame.to as 0 | 1].push(frame.ask.tokens);
    const found = answerer(frame.ask.tokens, frame.to);
    const answer = typeof found === "string" ? found : Buffer.from(found.buffer).toString("base64");
    scorer.stdin.write(`${JSON.stringify({ from: frame.to, answer, ms: 1 })}\n`);
  });
  return { code: await ending(scorer), metrics, message, asked };
}

function ending(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.on("close", resolve));
}

const uniform: Answerer = () => new Float32Array(WINDOW * VOCABULARY);

/** Scores that depend on the tokens up to each position: the current token becomes likelier. */
const honest: Answerer = (tokens) => {
  const scores = new Float32Array(WINDOW * VOCABULARY);
  tokens.forEach((token, position) => {
    scores[position * VOCABULARY + token] = 1;
  });
  return scores;
};

/** Honest, but at every `period`-th position the next token of the window gets a high score. */
const peeking =
  (period: number): Answerer =>
  (tokens) => {
    const scores = new Float32Array(WINDOW * VOCABULARY);
    tokens.forEach((token, next) => {
      if (next > 0 && next % period === 0) scores[(next - 1) * VOCABULARY + token] = 8;
    });
    return scores;
  };

describe("the scorer", () => {
  it("gives a uniform model log2(vocabulary) bits for each token, spread over the bytes", async () => {
    const tokens = new Uint16Array(readFileSync(join(lab, "data/val.bin")).buffer);
    const bytes = tokenBytes(JSON.parse(readFileSync(join(lab, "data/tokenizer.json"), "utf8"))).map(
      (it) => it.length,
    );
    const windows = 48;
    const spacing = Math.floor(tokens.length / windows);
    let length = 0;
    for (let slot = 0; slot < windows; slot++)
      for (const token of tokens.subarray(slot * spacing + 1, slot * spacing + 1 + WINDOW))
        length += bytes[token] as number;
    const { metrics, code } = await scoring(uniform);
    expect(code).toBe(0);
    expect(metrics?.val_bpb).toBeCloseTo((windows * WINDOW * Math.log2(VOCABULARY)) / length, 9);
  });

  it("gives an honest model the same value whatever the secret, from other questions in another order", async () => {
    const [one, two] = await Promise.all([scoring(honest, "one"), scoring(honest, "two")]);
    expect(one.code).toBe(0);
    expect(two.metrics?.val_bpb).toBeCloseTo(one.metrics?.val_bpb as number, 9);
    expect(two.asked).not.toEqual(one.asked);
    for (const { asked } of [one, two]) {
      asked[0].forEach((window, index) => {
        const other = asked[1][index] as number[];
        expect(other[0]).toBe(window[0]);
        expect(other).not.toEqual(window);
      });
    }
  });

  it("scores the sealed text with --holdout", async () => {
    const [val, holdout] = await Promise.all([scoring(honest), scoring(honest, "one", ["--holdout"])]);
    expect(holdout.code).toBe(0);
    expect(holdout.metrics?.val_bpb).not.toBe(val.metrics?.val_bpb);
  });

  it("refuses a model that looks at the next token, even if it does so at one position in ten", async () => {
    for (const period of [1, 10]) {
      const { code, metrics, message } = await scoring(peeking(period));
      expect(code).toBe(1);
      expect(metrics).toBeUndefined();
      expect(message).toContain("depends on the bytes it is asked to predict");
    }
  });

  it("refuses a model whose answers depend on what it was asked before", async () => {
    const seen = [new Set<number>(), new Set<number>()];
    const { code, message } = await scoring((tokens, copy) => {
      const scores = new Float32Array(WINDOW * VOCABULARY);
      for (const token of seen[copy] as Set<number>) scores[token] = 1;
      for (const token of tokens) seen[copy]?.add(token);
      return scores;
    });
    expect(code).toBe(1);
    expect(message).toContain("earlier questions");
  });

  it("refuses an answer of the wrong length, or with a score that is not a finite number", async () => {
    const withScore =
      (score: number): Answerer =>
      (tokens, copy) => {
        const scores = honest(tokens, copy) as Scores;
        scores[5000] = score;
        return scores;
      };
    for (const [answerer, what] of [
      [() => new Float32Array(WINDOW * VOCABULARY - 1), "bytes"],
      [() => "", "holds 0 bytes"],
      [withScore(Number.NaN), "NaN"],
      [withScore(Number.POSITIVE_INFINITY), "Infinity"],
      [withScore(Number.NEGATIVE_INFINITY), "-Infinity"],
    ] as [Answerer, string][]) {
      const { code, metrics, message } = await scoring(answerer);
      expect(code).toBe(1);
      expect(metrics).toBeUndefined();
      expect(message).toContain(what);
    }
  });

  it("lets the untouched train.ts pass, better than a uniform model after eight steps", async () => {
    const env = { ...process.env, OUT: mkdtempSync(join(root, "out-")), SEED: "1", TRAIN_SECONDS: "0.4" };
    // A clock that goes on by the same time at each look: how much is trained does not depend on the machine's load.
    const clock = "let now = 0; performance.now = () => (now += 50);";
    execFileSync(process.execPath, ["--import", `data:text/javascript,${clock}`, "train.ts"], {
      cwd: lab,
      env,
    });
    const copies = [0, 1].map(() => spawn(process.execPath, ["train.ts", "--answer"], { cwd: lab, env }));
    const scorer = spawn(process.execPath, ["score.ts"], { cwd: lab, env: { ...env, SECRET: "one" } });
    copies.forEach((copy, from) => {
      createInterface({ input: copy.stdout }).on("line", (line) => {
        const { id, answer } = JSON.parse(line);
        if (id !== undefined) scorer.stdin.write(`${JSON.stringify({ from, answer, ms: 1 })}\n`);
      });
    });
    const found = await new Promise<number>((resolve) => {
      createInterface({ input: scorer.stdout }).on("line", (line) => {
        const { to, ask, metrics } = JSON.parse(line);
        if (metrics) resolve(metrics.val_bpb);
        else copies[to]?.stdin.write(`${JSON.stringify({ id: "q", ask })}\n`);
      });
    });
    for (const copy of copies) copy.stdin.end();
    expect(await Promise.all(copies.map(ending))).toEqual([0, 0]);
    expect(found).toBeLessThan((await scoring(uniform)).metrics?.val_bpb as number);
  });
});
