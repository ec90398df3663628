import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { git, noisyLab, program, repository, start, whet } from "./support/lab.ts";

interface Status {
  tag: string;
  branch: string;
  tally: { all: number; keeps: number; discards: number };
  best: { value: number; experiment: number | null };
  audit: { effect: number } | null;
  waiting: number[];
  alarm: string | null;
  grade: { letter: string; reasons: string[] };
  ladder: { stage: string; runs: number; transfer: { climbed: number; better: number } | null }[];
  epochs: { epoch: number; tag: string; baseline: number }[];
}
interface Row {
  id: number;
  status: string;
  reason: string;
  doubt: string | null;
  what: string;
}

const json = async <Result>(lab: string, ...args: string[]): Promise<Result> => {
  const ran = await whet(lab, ...args, "--json");
  return JSON.parse(ran.stdout) as Result;
};
const status = (lab: string) => json<Status>(lab, "status");
const log = (lab: string) => json<Row[]>(lab, "log", "--all");

/** A file of numbers and a scorer that adds up how far each is from its best. */
function knobs(
  more: string,
  extra: Record<string, string> = {},
  best: Record<string, number> = { a: 8, b: 4, c: 2 },
): Record<string, string> {
  return {
    "knobs.json": `${JSON.stringify(Object.fromEntries(Object.keys(best).map((name) => [name, 1])), null, 2)}\n`,
    "score.mjs": [
      'import { readFileSync } from "node:fs";',
      'import { join } from "node:path";',
      `const best = ${JSON.stringify(best)};`,
      'const knobs = JSON.parse(readFileSync(join(process.env.CANDIDATE, "knobs.json"), "utf8"));',
      "let loss = 0;",
      "for (const [name, value] of Object.entries(best)) {",
      '  if (!(Math.abs(knobs[name]) <= 1000)) throw new Error(name + " is out of range");',
      "  loss += Math.abs(Math.log2(value / Math.max(knobs[name], 0.01)));",
      "}",
      "console.log(JSON.stringify({ metrics: { loss } }));",
      "",
    ].join("\n"),
    "program.md": program(
      `metric: loss\ndirection: minimize\nchange: [knobs.json]\nrun: "true"\nscore: node score.mjs\nbudget: 10s\n${more}`,
    ),
    ...extra,
  };
}

describe("the probe", () => {
  it("finds the cheat that wins on a self-reported metric, says what to change, and lowers the grade", async () => {
    const lab = repository(noisyLab());
    const checked = await whet(lab, "check", "--probe");
    expect(checked.code).toBe(0);
    expect(checked.stdout).toMatch(/forged output: .*write `score: COMMAND`/s);
    expect(checked.stdout).toMatch(/trust grade\s+D/);
    expect((await status(lab)).grade.letter).toBe("D");
  });

  it("passes a scored lab, once for all sessions under the same pins", async () => {
    const lab = repository(knobs("holdout: node score.mjs"));
    const first = await json<{ probe: { results: { canary: string; outcome: string }[] }; grade: object }>(
      lab,
      "check",
      "--probe",
    );
    expect(first.probe.results.map(({ canary, outcome }) => `${canary}: ${outcome}`)).toEqual([
      "unchanged: equal",
      "unchanged again: equal",
      "null: equal",
      "empty: refused",
      "constant numbers: worse",
      "huge numbers: refused",
    ]);
    expect(first.grade).toEqual({ letter: "A", reasons: [] });
    const ran = await whet(lab, "run", "--fresh", "--experiments", "1");
    expect(ran.stdout).not.toMatch(/trying cheats/);
    expect((await status(lab)).grade.letter).toBe("A");
  });

  it("is done before a first session unless refused, and says so in the grade when it was", async () => {
    const lab = repository(knobs(""));
    const refused = await whet(lab, "run", "--no-probe", "--experiments", "1");
    expect(refused.stdout).not.toMatch(/trying cheats/);
    expect((await status(lab)).grade.reasons.join()).toMatch(/has not been probed/);
    const asked = await whet(lab, "run", "--fresh", "--experiments", "1");
    expect(asked.stdout).toMatch(/trying cheats on the evaluator/);
    expect((await status(lab)).grade.reasons.join()).not.toMatch(/has not been probed/);
  });
});

describe("an implausible gain", () => {
  const plausible = (bound: number) =>
    knobs("", {
      "program.md": program(
        `metric: { name: loss, direction: minimize, plausible: ${bound} }\nchange: [knobs.json]\nrun: "true"\nscore: node score.mjs\nbudget: 10s`,
      ),
    });

  it("is measured again, kept in doubt and listed; a rejection takes it back with what was built on it", async () => {
    const folder = repository(plausible(4));
    expect((await whet(folder, "run", "--experiments", "25", "--seed", "1")).code).toBe(0);
    const before = await status(folder);
    const [first] = before.waiting;
    if (first === undefined) throw new Error("nothing was doubted");
    const listed = await whet(folder, "review");
    expect(listed.stdout).toMatch(/beyond 4, which no honest result passes/);
    const keeps = (await log(folder)).filter((row) => row.status === "keep");
    expect(git(folder, "log", "--format=%B", before.branch)).toMatch(/Waits for review: /);
    const kept = keeps.filter((row) => row.id < first).length;

    const rejected = await whet(folder, "review", "--reject", String(first), "--note", "too good");
    expect(rejected.code).toBe(0);
    const after = await status(folder);
    expect(after.tally.keeps).toBe(kept);
    expect(after.waiting).toEqual([]);
    expect(after.audit).toBeNull();
    const rows = await log(folder);
    expect(rows.find((row) => row.id === first)?.reason).toBe("rejected by review: too good");
    // The branch holds the state before it, and its history what happened.
    const knobsOf = (ref: string) => git(folder, "show", `${ref}:knobs.json`);
    const commits = git(folder, "log", "--format=%H %s", before.branch).trim().split("\n");
    expect(commits[0]).toMatch(/Take back #/);
    const parent = git(
      folder,
      "log",
      "--format=%H",
      "--grep",
      `^Whetstone-Experiment: ${first}$`,
      before.branch,
    ).trim();
    expect(knobsOf(before.branch)).toBe(knobsOf(`${parent}^`));
    expect((await whet(folder, "replay")).stdout).toMatch(/all agree/);

    const on = await whet(folder, "run", "--experiments", String(before.tally.all + 4), "--audit", "2");
    expect(on.stderr).toBe("");
    expect(on.code).toBe(0);
    expect((await whet(folder, "replay")).stdout).toMatch(/all agree/);
    expect((await whet(folder, "review", "--reject", String(first))).code).toBe(2);
  });

  it("is accepted by a person and then is a keep like any other", async () => {
    const folder = repository(plausible(4));
    expect((await whet(folder, "run", "--experiments", "25", "--seed", "1", "--audit", "2")).code).toBe(0);
    const { waiting, tally, branch } = await status(folder);
    const tip = git(folder, "rev-parse", branch);
    for (const number of waiting)
      expect((await whet(folder, "review", "--accept", String(number))).code).toBe(0);
    const after = await status(folder);
    expect(after.waiting).toEqual([]);
    expect(after.tally.keeps).toBe(tally.keeps);
    expect(git(folder, "rev-parse", branch)).toBe(tip);
  });

  it("is taken back while the session runs", async () => {
    const folder = repository(plausible(4));
    const running = start(folder, "run", "--experiments", "100000", "--audit", "0", "--seed", "1");
    while (!running.output().includes("waits for review")) await new Promise((r) => setTimeout(r, 30));
    const { waiting } = await status(folder);
    const rejected = await whet(folder, "review", "--reject", String(waiting[0]));
    expect(rejected.stderr).toBe("");
    await new Promise((r) => setTimeout(r, 1500));
    running.child.kill("SIGINT");
    expect((await running.finished).code).toBe(0);
    expect((await whet(folder, "replay")).stdout).toMatch(/all agree/);
    const { branch } = await status(folder);
    expect(git(folder, "log", "--format=%s", branch)).toMatch(/Take back #/);
  });
});

describe("stages", () => {
  /** The cheap rung shows one knob, the full one all of them. */
  const ladder = (more = "") => ({
    ...knobs(`stages: [{ name: small, run: "true"${more} }]`),
    "score.mjs": [
      'import { readFileSync } from "node:fs";',
      'import { join } from "node:path";',
      'const { a, b } = JSON.parse(readFileSync(join(process.env.CANDIDATE, "knobs.json"), "utf8"));',
      "const far = (value, best) => Math.abs(Math.log2(best / Math.max(value, 0.01)));",
      'const loss = process.env.STAGE === "small" ? far(a, 8) : far(a, 8) + far(b, 8);',
      "console.log(JSON.stringify({ metrics: { loss } }));",
      "",
    ].join("\n"),
    "knobs.json": '{\n  "a": 1,\n  "b": 1\n}\n',
  });

  it("let a candidate climb only while it looks good, and tell cost and transfer of each rung", async () => {
    const lab = repository(ladder());
    const ran = await whet(lab, "run", "--experiments", "25", "--seed", "2", "--no-probe");
    expect(ran.stderr).toBe("");
    const now = await status(lab);
    expect(now.tally.keeps).toBeGreaterThan(0);
    const rows = await log(lab);
    expect(rows.some((row) => /dropped on the rung small/.test(row.reason))).toBe(true);
    // What only moves the other knob never climbs: the cheap rung cannot see it.
    expect(JSON.parse(git(lab, "show", `${now.branch}:knobs.json`)).b).toBe(1);
    const [small, full] = now.ladder;
    expect(small?.runs).toBeGreaterThan(full?.runs as number);
    expect(small?.transfer).toMatchObject({ climbed: now.tally.keeps, better: now.tally.keeps });
    expect((await whet(lab, "replay")).stdout).toMatch(/all agree/);
    expect((await whet(lab, "status")).stdout).toMatch(/stage small: \d+ runs/);
  });

  it("may decide on a cheap rung; then keeps are provisional and the audit is full", async () => {
    const lab = repository(ladder(", decides: true"));
    const ran = await whet(lab, "run", "--experiments", "15", "--seed", "2", "--no-probe", "--audit", "0");
    expect(ran.stderr).toBe("");
    const now = await status(lab);
    expect(now.audit?.effect).toBeGreaterThan(0);
    expect(now.grade.reasons.join()).toMatch(/keeps are provisional/);
    expect(now.ladder.find((rung) => rung.stage === "full")?.runs).toBe(4);
    expect((await whet(lab, "replay")).stdout).toMatch(/all agree/);
  });

  it("go on after an interruption without repeating a run", async () => {
    const lab = repository(ladder());
    const running = start(lab, "run", "--experiments", "300", "--audit", "0", "--no-probe");
    while (!running.output().includes("#4 ")) await new Promise((r) => setTimeout(r, 20));
    running.child.kill("SIGKILL");
    await running.finished;
    const on = await whet(lab, "run", "--experiments", "10", "--audit", "0");
    expect(on.code).toBe(0);
    expect((await whet(lab, "replay")).stdout).toMatch(/all agree/);
  });
});

describe("the holdout", () => {
  /** Every gain is fitted to the tuning data: on the holdout nothing changes at all. */
  const fitted = (more: string) =>
    knobs(`holdout: node holdout.mjs\n${more}`, {
      "holdout.mjs": "console.log(JSON.stringify({ metrics: { loss: 5 } }));\n",
    });

  it("raises an alarm when the kept gains do not show on it", async () => {
    const lab = repository(fitted(""));
    const ran = await whet(lab, "run", "--experiments", "40", "--seed", "1");
    expect(ran.stdout).toMatch(/! the 3 keeps should have gained .*, the holdout shows 0/);
    const now = await status(lab);
    expect(now.alarm).toMatch(/fitted to the data/);
    expect(now.tally.all).toBe(40);
  });

  it("stops the session then where the contract says so", async () => {
    const lab = repository(fitted("onDivergence: stop"));
    const ran = await whet(lab, "run", "--experiments", "40", "--seed", "1");
    expect(ran.stdout).toMatch(/stopped: the 3 keeps should have gained/);
    expect((await status(lab)).tally.keeps).toBe(3);
  });
});

describe("a changed yardstick", () => {
  it("opens a new epoch in which every keep has to win again; the old numbers stay", async () => {
    const lab = repository(knobs(""));
    expect((await whet(lab, "run", "--experiments", "40", "--seed", "1", "--tag", "one")).code).toBe(0);
    const before = await status(lab);
    expect(before.tally.keeps).toBeGreaterThan(2);
    expect((await whet(lab, "rescore")).stderr).toMatch(/the yardstick is the same/);

    // Now the best of `a` is where it was: its keeps no longer help.
    writeFileSync(
      join(lab, "score.mjs"),
      readFileSync(join(lab, "score.mjs"), "utf8").replace('"a":8', '"a":1'),
    );
    git(lab, "commit", "-qam", "another yardstick");
    const ran = await whet(lab, "rescore", "--audit", "2");
    expect(ran.stderr).toBe("");
    expect(ran.code).toBe(0);
    const after = await status(lab);
    expect(after.tag).toBe("one-e2");
    expect(after.tally.all).toBeGreaterThan(0);
    expect(after.tally.keeps).toBeLessThan(before.tally.keeps);
    const knobsNow = JSON.parse(git(lab, "show", `${after.branch}:knobs.json`)) as Record<string, number>;
    expect(knobsNow.a).toBe(1);
    expect(knobsNow.b).not.toBe(1);
    expect(after.epochs.map(({ epoch, tag }) => [epoch, tag])).toEqual([
      [2, "one-e2"],
      [1, "one"],
    ]);
    const old = await json<Status>(lab, "status", "--tag", "one");
    expect(old.best).toEqual(before.best);
    expect((await whet(lab, "status")).stdout).toMatch(/epoch 1, session one/);
    // The loop goes on in the new epoch.
    expect((await whet(lab, "run", "--experiments", String(after.tally.all + 2), "--audit", "0")).code).toBe(
      0,
    );
    expect((await status(lab)).tag).toBe("one-e2");
  });
});

describe("a session's yardstick", () => {
  /** A scale that the user may change while the session runs. */
  const scaled = () =>
    knobs("inputs: [scale.txt]", {
      ".gitignore": "scale.txt\n",
      "score.mjs": [
        'import { readFileSync } from "node:fs";',
        'import { join } from "node:path";',
        'const { a } = JSON.parse(readFileSync(join(process.env.CANDIDATE, "knobs.json"), "utf8"));',
        "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);",
        'console.log(JSON.stringify({ metrics: { loss: Number(readFileSync("scale.txt", "utf8")) + 0 * a } }));',
        "",
      ].join("\n"),
      "knobs.json": '{\n  "a": 1\n}\n',
    });

  it("that changes while an experiment runs makes it invalid, also after it has been put back", async () => {
    const lab = repository(scaled());
    writeFileSync(join(lab, "scale.txt"), "10");
    const running = start(lab, "run", "--experiments", "50", "--audit", "0", "--no-probe", "--seed", "1");
    while (!running.output().includes("#2 ")) await new Promise((r) => setTimeout(r, 10));
    writeFileSync(join(lab, "scale.txt"), "5");
    const stopped = await running.finished;
    expect(stopped.code).toBe(2);
    expect(stopped.stderr).toMatch(/what judges the session has changed on disk: .*scale.txt/);
    writeFileSync(join(lab, "scale.txt"), "10");
    const tried = (await status(lab)).tally.all;
    expect((await whet(lab, "run", "--experiments", String(tried + 1), "--audit", "0")).code).toBe(0);
    const now = await status(lab);
    expect(now.tally.keeps).toBe(0);
    expect((await log(lab)).some((row) => /what judges changed while/.test(row.reason))).toBe(true);
    expect((await whet(lab, "replay")).stdout).toMatch(/all agree/);
  });

  it("is not compared across isolation levels", async () => {
    const lab = repository(knobs(""));
    expect((await whet(lab, "run", "--experiments", "1", "--no-probe")).code).toBe(0);
    if (JSON.parse((await whet(lab, "status", "--json")).stdout).isolation.level === "L0") return;
    const other = await whet(lab, "run", "--experiments", "3", "--isolation", "L0");
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(/was measured at isolation L2, and this would be L0/);
  });

  it("cannot be weakened where isolation is required", async () => {
    const lab = repository(knobs("isolation: required"));
    const weak = await whet(lab, "run", "--experiments", "1", "--isolation", "L0");
    expect(weak.code).toBe(2);
    expect(weak.stderr).toMatch(/isolation is required by program.md/);
  });
});

describe("names and limits", () => {
  it.each(["a b", "x..y", "-x", "a.lock", "ä"])(
    "a session cannot be called %j, and nothing is stored",
    async (tag) => {
      const lab = repository(knobs(""));
      const named = await whet(lab, "run", `--tag=${tag}`, "--experiments", "1");
      expect(named.code).toBe(2);
      expect(named.stderr).toMatch(/cannot be the name of a session/);
      expect((await whet(lab, "status")).stderr).toMatch(/there is no session here yet/);
    },
  );

  it("an experiment is named by its number", async () => {
    const lab = repository(knobs(""));
    expect((await whet(lab, "run", "--experiments", "1", "--no-probe")).code).toBe(0);
    for (const id of ["abc", "0", "1.5"]) {
      const shown = await whet(lab, "show", id);
      expect(shown.code).toBe(2);
      expect(shown.stderr).toMatch(/an experiment has a number from 1/);
    }
    expect((await whet(lab, "show", "#1")).stdout).toMatch(/Experiment 1/);
  });

  it("the looks at a holdout are counted over sessions, and fresh data may be looked at again", async () => {
    const holdout = "holdout: { score: node score.mjs, private: [holdout.json], looks: 2 }";
    const lab = repository(knobs(holdout, { "holdout.json": "1\n" }));
    const first = await whet(lab, "run", "--experiments", "60", "--seed", "1", "--no-probe", "--audit", "0");
    expect(first.stdout).toMatch(/the holdout has been looked at 2 times, which is the limit/);
    expect((await whet(lab, "replay")).stdout).toMatch(/all agree/);
    const again = await whet(lab, "run", "--fresh", "--experiments", "60", "--no-probe", "--audit", "0");
    expect(again.stdout).toMatch(/the holdout has been looked at 2 times/);
    expect((await status(lab)).tally.keeps).toBe(0);
    writeFileSync(join(lab, "holdout.json"), "2\n");
    git(lab, "commit", "-qam", "fresh data");
    expect(
      (await whet(lab, "run", "--experiments", "9", "--seed", "1", "--no-probe", "--audit", "0")).code,
    ).toBe(0);
    expect((await status(lab)).tally.keeps).toBeGreaterThan(0);
  });

  it("nobody is shown what the holdout said", async () => {
    const lab = repository(
      knobs("holdout: { score: node holdout.mjs }", {
        "holdout.mjs":
          'console.error("seen 4711");\nconsole.log(JSON.stringify({ metrics: { loss: 4711 } }));\n',
      }),
    );
    const ran = await whet(
      lab,
      "run",
      "--experiments",
      "6",
      "--seed",
      "1",
      "--no-probe",
      "--audit",
      "0",
      "--json",
    );
    expect(ran.stdout).toContain('"purpose":"holdout"');
    expect(ran.stdout).not.toContain("4711");
  });

  it("Ctrl-C ends with the run in flight, during the baseline too", async () => {
    const lab = repository(
      noisyLab({
        files: { "slow.mjs": "await new Promise((r) => setTimeout(r, 700));\n" },
        program: "checks: [node slow.mjs]\n",
      }),
    );
    const running = start(lab, "run", "--experiments", "5", "--no-probe");
    while (!running.output().includes("baseline")) await new Promise((r) => setTimeout(r, 20));
    running.child.kill("SIGINT");
    const began = Date.now();
    const stopped = await running.finished;
    expect(stopped.code).toBe(0);
    expect(stopped.stdout).toMatch(/stopped by hand before the first experiment/);
    expect(Date.now() - began).toBeLessThan(2500);
    const killed = start(lab, "run", "--experiments", "5", "--no-probe");
    while (!killed.output().includes("measuring")) await new Promise((r) => setTimeout(r, 20));
    killed.child.kill("SIGTERM");
    expect((await killed.finished).stderr).not.toMatch(/please report/);
  });
});
