import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { auditsOf, evaluationsOf, evaluationTotals, openLedger, sessionByTag } from "../src/ledger/index.ts";
import type { Finalized, Notebook } from "../src/notebook/model.ts";
import { contentHash } from "../src/repo/index.ts";
import { git, noisyLab, program, repository, start, typed, whet, write } from "./support/lab.ts";

/** Switches that the search turns on one by one, and what each is worth. */
function switches(names: readonly string[], lines: readonly string[]): Record<string, string> {
  return {
    "knobs.mjs": `${names.map((name) => `export const ${name}${name.includes(";") ? "" : ";"}`).join("\n")}\n`,
    "train.mjs": `import * as k from "./knobs.mjs";\n${lines.join("\n")}\n`,
    "program.md": program(
      `metric: loss\ndirection: minimize\nchange: [knobs.mjs]\nrun: node train.mjs\nbudget: 10s\n`,
    ),
  };
}

/**
 * With this seed CLAMP is kept before CHECKED, which makes it useless, and MODE is changed twice: the second change of
 * the same line rests on the first.
 */
const superseded = {
  files: switches(
    [
      "WIDE = false",
      "FAST = false",
      "DEEP = false",
      "CLAMP = false",
      "CHECKED = false",
      'MODE = "plain"; // plain | better | best',
    ],
    [
      "const gains = [k.WIDE ? 20 : 0, k.FAST ? 10 : 0, k.DEEP ? 5 : 0, k.CHECKED ? 8 : k.CLAMP ? 3 : 0, { plain: 0, better: 2, best: 4 }[k.MODE]];",
      "console.log(`loss: ${100 - gains.reduce((sum, gain) => sum + gain)}`);",
    ],
  ),
  seed: "5",
};

/** Three switches that matter on their own. */
const simple = () =>
  switches(
    ["A = false", "B = false", "C = false"],
    ["console.log(`loss: ${9 - (k.A ? 1 : 0) - (k.B ? 2 : 0) - (k.C ? 3 : 0)}`);"],
  );

const research = (lab: string, seed: string, ...more: string[]) =>
  whet(
    lab,
    ...["run", "--no-probe", "--experiments", "8", "--audit", "2", "--tag", "t", "--seed", seed],
    ...more,
  );
const finalize = async (lab: string, ...more: string[]) => {
  const ran = await whet(lab, "finalize", "--json", ...more);
  expect(ran.code, ran.stderr).toBe(0);
  return JSON.parse(ran.stdout) as Finalized;
};
const status = async (lab: string) => JSON.parse((await whet(lab, "status", "--json")).stdout) as Notebook;
/** Runs on record. */
async function runsOf(lab: string): Promise<number> {
  const ledger = await openLedger(join(lab, ".whetstone", "ledger.db"));
  const row = await sessionByTag(ledger, "t");
  const { runs } = await evaluationTotals(ledger, row?.id ?? 0);
  await ledger.close();
  return runs;
}
const of = (finalized: Pick<Finalized, "changes">, what: string) => {
  const part = finalized.changes.find((each) => each.what.startsWith(what));
  if (!part) throw new Error(`${what} was not kept`);
  return part;
};

describe("whet finalize", () => {
  it("finds what a later change made useless, and writes branches that hold exactly what was measured", async () => {
    const lab = repository({ ...superseded.files, "notes.txt": "one\n" });
    await research(lab, superseded.seed);
    write(lab, { "notes.txt": "two\n", "new.txt": "mine\n" });
    git(lab, "add", "new.txt");
    const look = () => ({
      head: readFileSync(join(lab, ".git", "HEAD"), "utf8"),
      refs: git(lab, "for-each-ref", "refs/heads/main", "refs/heads/whetstone"),
      index: createHash("sha256")
        .update(readFileSync(join(lab, ".git", "index")))
        .digest("hex"),
      files: ["notes.txt", "new.txt", "knobs.mjs"].map((name) => readFileSync(join(lab, name), "utf8")),
      status: git(lab, "status", "--porcelain"),
    });
    const before = look();
    const found = await finalize(lab, "--pairs", "4");
    expect(look()).toEqual(before);

    expect(found.audit).toMatchObject({ baselineMean: 100, finalMean: 53, effect: 47 });
    expect(of(found, "CLAMP")).toMatchObject({
      verdict: "not shown",
      kept: { effect: 3 },
      contribution: { effect: 0, interval: [0, 0] },
      alone: null,
    });
    for (const [what, contribution, alone] of [
      ["WIDE", 20, 20],
      ["FAST", 10, 10],
      ["DEEP", 5, 5],
      ["CHECKED", 5, 8],
    ] as const)
      expect(of(found, what)).toMatchObject({
        verdict: "carries weight",
        contribution: { effect: contribution },
        alone: { effect: alone },
      });
    const first = of(found, "MODE plain");
    const second = of(found, "MODE better");
    // The chain of both is one change.
    expect(first).toMatchObject({
      verdict: "carries weight",
      contribution: { effect: 4 },
      together: [first.experiment, second.experiment],
      reason: `with #${second.experiment}, which changed the same lines`,
    });
    expect(second).toMatchObject({
      verdict: "carries weight",
      contribution: { effect: 2 },
      together: [second.experiment],
    });
    expect(second.group).toEqual([first.experiment, second.experiment]);
    expect(first.alone).toEqual(second.alone);
    expect(second.alone?.effect).toBe(4);
    expect(found.lean).toMatchObject({
      removed: [of(found, "CLAMP").experiment],
      againstFinal: { effect: 0 },
      againstBaseline: { effect: 47 },
    });

    // One branch for each independent group and one for the lean state, as git has them.
    const branches = git(lab, "for-each-ref", "--format=%(refname:short)", "refs/heads/whetstone-review")
      .trim()
      .split("\n");
    expect(branches.sort()).toEqual(found.branches.map((branch) => branch.name).sort());
    expect(branches).toHaveLength(6);
    const ledger = await openLedger(join(lab, ".whetstone", "ledger.db"));
    const row = await sessionByTag(ledger, "t");
    const measured = await auditsOf(ledger, row?.id ?? 0, ["review"]);
    for (const { name, experiments } of found.branches) {
      const state = contentHash({ "knobs.mjs": git(lab, "show", `${name}:knobs.mjs`) });
      const audit = measured.find((each) => each.finalState === state);
      expect(JSON.parse(audit?.subject ?? "[]")).toEqual(experiments);
      expect(git(lab, "diff", "--name-only", `main...${name}`).trim()).toBe("knobs.mjs");
      const runs = await evaluationsOf(ledger, { audit: audit?.id ?? 0 });
      const message = git(lab, "log", "-1", "--format=%B", name);
      const mine = runs.filter((run) => run.arm === "candidate").map((run) => run.value);
      const base = runs.filter((run) => run.arm === "baseline");
      expect(message).toContain(`loss 100 -> ${mine[0]}\n`);
      expect(message).toContain(`changed:   ${mine.join(" ")}\n`);
      expect(message).toContain(`untouched: ${base.map((run) => run.value).join(" ")}\n`);
      expect(message).toContain(`seeds:     ${base.map((run) => run.seed).join(" ")}\n`);
      expect(message).toContain("self-reported. Isolation: ");
      expect(message).toContain("whet finalize . --tag t --pairs 8");
    }
    const pair = found.branches.find((branch) => branch.experiments.includes(second.experiment));
    expect(git(lab, "log", "--format=%s", `main..${pair?.name}`).trim().split("\n")).toEqual([
      "MODE better -> best",
      "MODE plain -> better",
    ]);
    await ledger.close();

    // Asked again it repeats nothing, for the eyes it leads with the audit, and the other doors know it too.
    const runs = await runsOf(lab);
    const again = await whet(lab, "finalize", "--pairs", "4");
    expect(await runsOf(lab)).toBe(runs);
    expect(again.stdout).toMatch(/^47\.0 % lower loss\n100 → 53/);
    expect(again.stdout).toMatch(/Proposed: take out #\d/);
    for (const { name, commit } of found.branches) expect(git(lab, "rev-parse", name).trim()).toBe(commit);
    const seen = await status(lab);
    expect(seen.finalized).toEqual({ changes: found.changes, lean: found.lean });
    expect((await whet(lab, "status")).stdout).toMatch(
      /6 of 7 kept changes shown to carry weight; as good without/,
    );
    await whet(lab, "report");
    expect(readFileSync(join(lab, ".whetstone", "report.html"), "utf8")).toContain(
      "What each change is worth",
    );
    expect(git(lab, "fsck", "--strict")).not.toMatch(/error/);
  });

  it("asks for the review of a keep first, sees what fails without another, and takes one of two that stand in for each other", async () => {
    const lab = repository(
      switches(
        ["CACHE = false", "BATCH = false", "REWRITE = false", "COOL = false", "TURBO = false"],
        [
          "if (k.TURBO && !k.COOL) throw new Error('overheated');",
          "const help = k.REWRITE ? (k.CACHE || k.BATCH ? 20 : 15) : (k.CACHE ? 5 : 0) + (k.BATCH ? 5 : 0);",
          "console.log(`loss: ${100 - help - (k.COOL ? 1 : 0) - (k.TURBO ? 30 : 0)}`);",
        ],
      ),
    );
    await research(lab, "12", "--isolation", "L0");
    const refused = await whet(lab, "finalize");
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/waits for a person/);
    // The first keep at L0, where a candidate can print what it likes, and one that gains too much to be believed.
    for (const waiting of (await status(lab)).waiting)
      await typed(lab, "review", "--accept", String(waiting));

    const found = await finalize(lab, "--pairs", "2");
    expect(found.level).toBe("L0");
    expect(of(found, "COOL").verdict).toBe("needed");
    expect(of(found, "COOL").reason).toMatch(/^without it: .*exit code 1/);
    const [cache, batch] = [of(found, "CACHE"), of(found, "BATCH")];
    expect([cache.verdict, batch.verdict]).toEqual(["not shown", "not shown"]);
    expect(found.lean?.removed).toHaveLength(1);
    expect(found.lean?.againstFinal.effect).toBe(0);
    expect(found.notes.join("\n")).toMatch(/cannot all go/);
    // Alone it overheats, so it comes with what cools it.
    const turbo = of(found, "TURBO");
    expect(turbo.group).toEqual([of(found, "COOL").experiment, turbo.experiment]);
    expect(turbo.alone?.effect).toBe(31);
    const names = found.branches.map((branch) => branch.experiments);
    expect(names).toContainEqual(turbo.group);
    expect(names).not.toContainEqual([turbo.experiment]);
  });

  it("goes on after kill -9 at any moment and repeats no run", async () => {
    const lab = repository(simple());
    await research(lab, "1");
    const counts = [await runsOf(lab)];
    for (const lines of [1, 6, 3]) {
      const running = start(lab, "finalize", "--pairs", "2", "--json");
      let seen = 0;
      running.child.stderr.on("data", (chunk: Buffer) => {
        seen += chunk.toString().match(/^ {2}(?:final state|untouched code)/gm)?.length ?? 0;
        if (seen >= lines) running.child.kill("SIGKILL");
      });
      await running.finished;
      counts.push(await runsOf(lab));
    }
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(counts[3]).toBeGreaterThan(counts[1] as number);
    const found = await finalize(lab, "--pairs", "2");
    // Three changes, each taken out and each alone: two pairs of two runs.
    expect(await runsOf(lab)).toBe((counts[0] as number) + 6 * 4);
    expect(counts[3]).toBeLessThan((counts[0] as number) + 6 * 4);
    expect(found.branches).toHaveLength(3);
    const ledger = await openLedger(join(lab, ".whetstone", "ledger.db"));
    const row = await sessionByTag(ledger, "t");
    for (const audit of await auditsOf(ledger, row?.id ?? 0, ["final", "ablation", "review"])) {
      expect(audit.endedAt).not.toBeNull();
      const runs = await evaluationsOf(ledger, { audit: audit.id });
      expect(runs.map((run) => run.position)).toEqual([0, 1, 2, 3]);
    }
    await ledger.close();
    expect(execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })).not.toContain(`${lab}/.whetstone`);
  });

  it("replaces its own review branches only, and names those that are not proposed any more", async () => {
    const lab = repository(simple());
    await research(lab, "1");
    const [first] = (await finalize(lab, "--pairs", "2")).branches;
    const name = first?.name ?? "";
    const measured = await runsOf(lab);
    // More pairs are measured anew where noise could matter; the message says how many were asked for.
    const again = await finalize(lab, "--pairs", "3");
    expect(await runsOf(lab)).toBeGreaterThan(measured);
    expect(again.branches[0]?.commit).not.toBe(first?.commit);
    expect(git(lab, "rev-parse", name).trim()).toBe(again.branches[0]?.commit);

    git(lab, "branch", "whetstone-review/t/99-old", name);
    expect((await finalize(lab, "--pairs", "3")).notes.join()).toMatch(/99-old is of an earlier call/);

    const tree = join(lab, ".whetstone", "tree");
    git(lab, "worktree", "add", "-q", tree, name);
    git(tree, "commit", "-q", "--amend", "--no-edit", "--date=now");
    const amended = git(lab, "rev-parse", name);
    git(lab, "worktree", "remove", tree);
    const refused = await whet(lab, "finalize", "--pairs", "3");
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/holds commits that are not Whetstone's/);
    expect(git(lab, "rev-parse", name)).toBe(amended);
    const only = await finalize(lab, "--pairs", "3", "--no-branches");
    expect(only.branches).toEqual([]);
  });

  it("says what it cannot do: no session, nothing kept, too few pairs, another yardstick", async () => {
    const lab = repository(switches(["ON = false"], ["console.log(`loss: ${k.ON ? 5 : 5}`);"]));
    const none = await whet(lab, "finalize");
    expect(none.code).toBe(2);
    expect(none.stderr).toMatch(/whet run/);
    await research(lab, "1");
    const nothing = await whet(lab, "finalize");
    expect(nothing.code).toBe(2);
    expect(nothing.stderr).toMatch(/has kept nothing/);
    const few = await whet(lab, "finalize", "--pairs", "1");
    expect(few.code).toBe(2);
    expect(few.stderr).toMatch(/give no interval/);
    write(lab, { "program.md": `${readFileSync(join(lab, "program.md"), "utf8")}\nmore\n` });
    const changed = await whet(lab, "finalize");
    expect(changed.code).toBe(2);
    expect(changed.stderr).toMatch(/program.md has changed/);
  });

  it("gives intervals on a noisy metric, and does not call the unproven useless", async () => {
    const lab = repository(
      noisyLab({
        files: {
          "train.mjs": [
            "const WIDE = false;",
            "",
            "const DEEP = false;",
            "let s = Number(process.env.SEED) >>> 0;",
            "const r = () => ((s = (Math.imul(s, 1664525) + 1013904223) >>> 0) + 1) / 4294967297;",
            "r(); r();",
            "for (let i = WIDE ? 7 : 0; i > 0; i--) r();",
            "const n = Math.sqrt(-2 * Math.log(r())) * Math.cos(2 * Math.PI * r());",
            "console.log(`loss: ${10 - (WIDE ? 3 : 0) - (DEEP ? 1 : 0) + 0.2 * n}`);",
            "",
          ].join("\n"),
        },
      }),
    );
    await research(lab, "1");
    const ran = await whet(lab, "finalize", "--pairs", "4");
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stdout).toMatch(/not shown to be useless/);
    const found = await finalize(lab, "--pairs", "4");
    const wide = of(found, "WIDE");
    expect(wide.contribution?.interval[0]).toBeLessThan(3);
    expect(wide.contribution?.interval[1]).toBeGreaterThan(wide.contribution?.interval[0] as number);
    expect(wide.verdict).toBe("carries weight");
  });
});
