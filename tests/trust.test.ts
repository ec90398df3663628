import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { json, knobs, log, status } from "./support/knobs.ts";
import { program, repository, typed, whet } from "./support/lab.ts";

const workspace = (lab: string, ...path: string[]) => join(lab, ".whetstone", "workspace", ...path);

/** A lab in which an agent with the user's rights has had one honest change kept. */
async function driven(): Promise<string> {
  const lab = repository(knobs(""));
  expect((await whet(lab, "start", "--no-probe")).code).toBe(0);
  expect((await attempt(lab, { a: 8, b: 1, c: 1 })).code).toBe(0);
  expect((await status(lab)).tally.keeps).toBe(1);
  return lab;
}

function attempt(lab: string, values: Record<string, number>) {
  writeFileSync(workspace(lab, "knobs.json"), `${JSON.stringify(values, null, 2)}\n`);
  return whet(lab, "try", "--no-probe", "-m", `${JSON.stringify(values)}`, "--because", "it is nearer");
}

/** Edits the ledger as somebody with a SQLite shell would. */
function edit(lab: string, ...statements: string[]): void {
  const raw = new Database(join(lab, ".whetstone", "ledger.db"));
  const triggers = raw.prepare("select name from sqlite_master where type = 'trigger'").all();
  for (const { name } of triggers as { name: string }[]) raw.exec(`drop trigger ${name}`);
  for (const statement of statements) raw.exec(statement);
  raw.close();
}

describe("an agent that drives", () => {
  it("has the user's rights, and the grade says so", async () => {
    const { grade } = await status(await driven());
    expect(grade.letter).toBe("C");
    expect(grade.reasons.join("\n")).toMatch(/C at best: an agent drove with your rights/);
  });

  it("gains nothing by the notes that it edits: the contract as read, the base as laid out", async () => {
    const lab = await driven();
    // The note on the contract names another scorer, which pays for a mark; the seal cannot be put right without the key.
    const note = join(lab, ".whetstone", "program.json");
    const forged = readFileSync(note, "utf8").replaceAll("perl score.pl", "echo loss: -9");
    expect(forged).toContain("echo loss");
    writeFileSync(note, forged);
    await attempt(lab, { a: 8, b: 2, c: 1 });
    // The laid out base holds another scorer.
    const scorer = join(lab, ".whetstone", "work", "base", "score.pl");
    writeFileSync(scorer, 'print \'{"metrics": {"loss": -9}}\';\n');
    await attempt(lab, { a: 8, b: 3, c: 1 });
    const values = (await log(lab)) as unknown as { value: number }[];
    expect(values.length).toBe(3);
    for (const { value } of values) expect(value).toBeGreaterThan(0);
    // And an audit lays out everything anew.
    writeFileSync(scorer, 'print \'{"metrics": {"loss": -9}}\';\n');
    expect((await whet(lab, "audit", "--no-probe", "--pairs", "2")).code).toBe(0);
    const { audit } = (await status(lab)) as unknown as { audit: { finalMean: number } };
    expect(audit.finalMean).toBeGreaterThan(0);
  });
});

describe("a ledger that somebody has edited", () => {
  it("is noticed by replay and doctor, and no headline rests on it", async () => {
    const lab = await driven();
    expect((await whet(lab, "replay")).stdout).toMatch(
      /the record is as it was written: \d+ rows in one chain/,
    );
    edit(
      lab,
      `update evaluations set value = -9, metrics = '{"loss":-9}' where experiment_id is not null and arm = 'candidate'`,
      "update decisions set value = -9, effect = 47.5, low = 47.5, high = 47.5",
    );
    const replayed = await whet(lab, "replay");
    expect(replayed.code).toBe(1);
    expect(replayed.stdout).toMatch(/the record is not as it was written: run \d+ is not as it was recorded/);
    const examined = await whet(lab, "doctor");
    expect(examined.code).toBe(1);
    expect(examined.stdout).toMatch(/run \d+ is not as it was recorded/);
    for (const command of [
      ["audit", "--no-probe"],
      ["finalize", "--pairs", "2"],
    ]) {
      const refused = await whet(lab, ...command);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toMatch(/the record is not as it was written/);
    }
  });

  it.each([
    ["a change", (outside: string) => `update changes set after = '{"${outside}": "owned"}'`],
    ["the name of a session", (outside: string) => `update sessions set tag = '${outside}'`],
  ])("never makes a command write outside of the lab: %s that leads upwards", async (_, statement) => {
    const lab = await driven();
    const target = join(lab, "..", `owned-${process.pid}.txt`);
    const outside = `../../../../${"../".repeat(9)}${target.slice(1)}`;
    edit(lab, statement(outside));
    for (const command of [
      ["audit", "--no-probe"],
      ["start", "--no-probe"],
      ["status"],
      ["doctor"],
      ["try", "--no-probe", "-m", "x", "--because", "y"],
      ["report"],
      ["finalize", "--pairs", "2"],
    ])
      await whet(lab, ...command);
    expect(existsSync(target)).toBe(false);
  });
});

it("a first keep under grade D waits for a person's word", async () => {
  const lab = repository({
    "train.mjs": 'console.log("loss: 9");\n',
    "program.md": program(
      "metric: loss\ndirection: minimize\nchange: [train.mjs]\nrun: node train.mjs\nbudget: 10s",
    ),
  });
  expect((await whet(lab, "start")).code).toBe(0);
  writeFileSync(workspace(lab, "train.mjs"), 'console.log("loss: 8");\n');
  await whet(lab, "try", "-m", "less", "--because", "it is less");
  const first = await status(lab);
  expect(first.grade.letter).toBe("D");
  expect(first.waiting).toEqual([1]);
  const { keeps } = await json<{ keeps: { number: number; doubt: string }[] }>(lab, "review");
  expect(keeps[0]?.doubt).toMatch(/the first keep under trust grade D \(D at best: a cheat wins/);
  // Once a person has said yes, the next one does not wait.
  expect((await typed(lab, "review", "--accept", "1")).code).toBe(0);
  writeFileSync(workspace(lab, "train.mjs"), 'console.log("loss: 7");\n');
  await whet(lab, "try", "-m", "still less", "--because", "it is less");
  const second = await status(lab);
  expect(second.tally.keeps).toBe(2);
  expect(second.waiting).toEqual([]);
  expect((await whet(lab, "replay")).stdout).toMatch(/all agree/);
});

describe("a guard", () => {
  const guarded = (report: string) =>
    knobs("guards: [{ name: width, max: 100 }]", {
      "score.mjs": [
        'import { readFileSync } from "node:fs";',
        "const { a, mark } = JSON.parse(readFileSync(`${process.env.CANDIDATE}/knobs.json`, 'utf8'));",
        `const width = ${report};`,
        "console.log(JSON.stringify({ metrics: { loss: 100 - a, width } }));",
      ].join("\n"),
    });

  it("that is no number in one run is a failed run, whatever the others say", async () => {
    const lab = repository(guarded("mark ? Number.NaN : 50"));
    await whet(lab, "start", "--no-probe");
    await attempt(lab, { a: 9, mark: 1 });
    const [row] = await log(lab);
    expect(row?.status).toBe("invalid");
    expect(row?.reason).toMatch(/the guard width is not a finite number/);
  });

  it("that the untouched code does not report is named before anything is tried", async () => {
    const checked = await whet(repository(guarded("undefined")), "check");
    expect(checked.code).not.toBe(0);
    expect(checked.stderr).toMatch(
      /the untouched code could not be measured.*the guard width was not reported as a number, and every run has to report it/s,
    );
  });
});
