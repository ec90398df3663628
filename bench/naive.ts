/**
 * The yardstick: the attacks of tests/attacks that forge scores or hope for luck, against the loop that many people
 * write first (commit, run, grep the metric, compare with the best, keep or reset) and against Whetstone.
 *
 *     node bench/naive.ts [--json]
 *
 * The naive loop runs the same labs with the same scorers and checks, and "kept" means that the cheat is its new best.
 * For Whetstone it means that a run scored better than the start, which no level or channel denies ("said so"): whether
 * it would be kept is then a matter of how often it is measured. Takes about two minutes.
 */
import { parseProgram } from "../src/contract/index.ts";
import { presets } from "../src/decision/index.ts";
import type { Context } from "../tests/attacks/attack.ts";
import { forging } from "../tests/attacks/forging.ts";
import { gambleNaively, gambles, shares } from "../tests/attacks/gambling.ts";
import { hasNeeds, labs } from "../tests/attacks/labs.ts";
import { survey } from "../tests/attacks/survey.ts";
import { openNaiveLoop } from "./naive/loop.ts";

const { findings, levels } = await survey(forging);
const forged: Record<string, string>[] = [];
const kept: Record<string, number> = {
  "naive loop": 0,
  ...Object.fromEntries(levels.map((level) => [level, 0])),
};
const scored: Record<string, number> = { ...kept };
for (const attack of forging) {
  const lab = labs[attack.lab];
  const found = findings.filter((finding) => finding.attack === attack);
  if (!lab || !hasNeeds(lab) || found.length === 0) continue;
  const naive = await naively(attack, lab.files);
  const row: Record<string, string> = {
    attack: attack.name,
    lab: attack.lab,
    "naive loop": naive ? "KEPT" : "not kept",
  };
  for (const { level, verdict } of found) row[level] = verdict === "not covered" ? "KEPT (said so)" : verdict;
  for (const column of Object.keys(kept)) {
    if (!row[column]?.startsWith("KEPT")) continue;
    kept[column] = (kept[column] ?? 0) + 1;
    if (lab.files["program.md"]?.includes("score:")) scored[column] = (scored[column] ?? 0) + 1;
  }
  forged.push(row);
}

const tries = 100;
const sessions = 200;
const lucky = Object.values(gambles).map((what) => ({
  [`of ${tries} submissions kept, mean of ${sessions} sessions`]: what.name,
  "naive loop": mean(Array.from({ length: sessions }, (_, index) => gambleNaively(what, tries, index + 1))),
  Whetstone: mean(shares(presets.balanced, what, tries, sessions).map((share) => tries * share)),
}));

const onScored = forged.filter((row) => labs[row.lab ?? ""]?.files["program.md"]?.includes("score:")).length;
if (process.argv.includes("--json"))
  console.log(JSON.stringify({ forged, kept, scored, attempted: forged.length, onScored, lucky }, null, 2));
else {
  console.table(forged);
  console.log(`kept of ${forged.length} forged scores: ${counts(kept)}`);
  console.log(`of these on labs with a scorer (${onScored}): ${counts(scored)}`);
  console.table(lucky);
}
// Daemons of attacks that the naive loop lets live hold pipes open.
process.exit();

async function naively(
  attack: (typeof forging)[number],
  start: Readonly<Record<string, string>>,
): Promise<boolean> {
  const { program } = parseProgram(start["program.md"] as string);
  if (!program) throw new Error("the lab has no contract");
  const context = { level: "L0", evaluations: [], evaluation: null } as unknown as Context;
  const loop = await openNaiveLoop(program.contract, start);
  try {
    await attack.prepare?.(context);
    let won = false;
    for (let run = 0; run < (attack.runs ?? 1); run++) {
      const files = typeof attack.files === "function" ? await attack.files(context) : attack.files;
      won = (await loop.attempt(files)) || won;
      // What a researcher sees of the run before: its seed and its log.
      Object.assign(context, { evaluation: { seed: 1, logTail: loop.log } });
    }
    return won;
  } finally {
    await attack.cleanup?.(context);
    loop.close();
  }
}

function counts(of: Record<string, number>): string {
  return Object.entries(of)
    .map(([column, count]) => `${column} ${count}`)
    .join(", ");
}

function mean(values: readonly number[]): number {
  return Number((values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(2));
}
