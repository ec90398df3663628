import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nearest } from "./distance.ts";
import { task } from "./words.ts";

type Answer = { index: number; distance: number };
const seed = "7";
let out: string;
let right: Answer[];

function run(file: string, seedOfRun = seed) {
  return spawnSync(process.execPath, [file], {
    cwd: import.meta.dirname,
    env: { ...process.env, SEED: seedOfRun, OUT: out },
    encoding: "utf8",
  });
}

/** What the real check says of these answers. */
function verify(answers: unknown, seedOfRun = seed) {
  writeFileSync(join(out, "answers.json"), JSON.stringify(answers));
  const { status, stderr } = run("verify.ts", seedOfRun);
  return { status, stderr: stderr.trim() };
}

const replaced = (number: number, answer: Partial<Answer>) =>
  right.with(number, { ...(right[number] as Answer), ...answer });

beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), "levenshtein-"));
  expect(run("rank.ts")).toMatchObject({ status: 0, stderr: "" });
  right = JSON.parse(readFileSync(join(out, "answers.json"), "utf8")) as Answer[];
});
afterAll(() => rmSync(out, { recursive: true, force: true }));

describe("the edit distance lab", () => {
  it("accepts the answers of the untouched program", () => {
    expect(right).toHaveLength(240);
    expect(verify(right)).toEqual({ status: 0, stderr: "" });
  });

  it("refuses a wrong distance for any query", () => {
    const { distance, index } = right[3] as Answer;
    expect(verify(replaced(3, { distance: distance + 1 }))).toEqual({
      status: 1,
      stderr: `query 3: the distance to word ${index} is not ${distance + 1}`,
    });
  });

  it("refuses another word with its true distance when a nearer one exists", () => {
    const { dictionary, queries } = task(Number(seed));
    const { index } = right[5] as Answer;
    const other = (index + 1) % dictionary.length;
    const { distance } = nearest(queries[5] as string, [dictionary[other] as string]);
    const { status, stderr } = verify(replaced(5, { index: other, distance }));
    expect(status).toBe(1);
    expect(stderr).toMatch(new RegExp(`^query 5: word \\d+ is as near or nearer than word ${other}$`));
  });

  it("refuses a word that does not exist", () => {
    for (const index of [-1, 1_000_000, 0.5]) expect(verify(replaced(0, { index })).status).toBe(1);
  });

  it("refuses answers that are missing, or those of another seed", () => {
    expect(verify(right.slice(1))).toEqual({ status: 1, stderr: "240 answers are expected" });
    expect(verify({ length: 240 })).toMatchObject({ status: 1 });
    expect(verify(right, "8").status).toBe(1);
  });

  it("asks for other words under another seed, and for the same ones under the same", () => {
    expect(task(1)).toEqual(task(1));
    expect(task(2).queries).not.toEqual(task(1).queries);
    expect(task(1).queries).toHaveLength(240);
  });

  it("finds the first of the nearest words, by the textbook recurrence", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 8 });
    fc.assert(
      fc.property(word, fc.array(word, { minLength: 1, maxLength: 8 }), (query, dictionary) => {
        const distances = dictionary.map((each) => textbook(query, each));
        const least = Math.min(...distances);
        expect(nearest(query, dictionary)).toEqual({ index: distances.indexOf(least), distance: least });
      }),
    );
  });
});

function textbook(a: string, b: string): number {
  if (a === "" || b === "") return a.length + b.length;
  const table = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (__, j) => i + j),
  );
  const at = (i: number, j: number) => table[i]?.[j] as number;
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++)
      (table[i] as number[])[j] = Math.min(
        at(i - 1, j) + 1,
        at(i, j - 1) + 1,
        at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
  return at(a.length, b.length);
}
