import type { Attack, AttackedLevel, CandidateFiles, Finding } from "./attack.ts";
import { evaluatorAttacks } from "./evaluators.ts";
import { forging } from "./forging.ts";
import { kernel } from "./kernel.ts";
import { hasNeeds, labs } from "./labs.ts";
import { layerAttacks } from "./layers.ts";
import { outwardAttacks } from "./outward.ts";
import { reach } from "./reach.ts";
import { resources } from "./resources.ts";
import { type Bench, isBetter, levelsHere, openBench, runAttack, seedOf } from "./runAttack.ts";

export const attacks: readonly Attack[] = [
  ...forging,
  ...evaluatorAttacks,
  ...reach,
  ...resources,
  ...kernel,
  ...outwardAttacks,
  ...layerAttacks,
];

/** What a lab makes of honest work and of a changed comment, without which no verdict on it counts. */
export interface Control {
  lab: string;
  level: AttackedLevel;
  honest: "better" | "no better" | "failed";
  nothing: "better" | "no better" | "failed";
}

export interface Survey {
  levels: AttackedLevel[];
  /** Labs whose needs this machine does not meet. */
  missing: string[];
  controls: Control[];
  findings: Finding[];
}

/**
 * Runs every attack at every level that this machine offers. Two labs at a time, the levels of one in turn: what an
 * attack leaves on the host must not meet its own other level. Labs with attacks on resources have the machine alone.
 */
export async function survey(chosen: readonly Attack[] = attacks): Promise<Survey> {
  const levels = await levelsHere();
  const names = [...new Set(chosen.map((attack) => attack.lab))];
  const missing = names.filter((name) => !hasNeeds(lab(name)));
  const heavy = new Set(chosen.filter(({ group }) => group === "resources").map((attack) => attack.lab));
  const findings: Finding[] = [];
  const controls: Control[] = [];
  const attackLab = async (name: string) => {
    for (const level of levels) {
      const bench = await openBench(lab(name), level);
      try {
        controls.push({
          ...{ lab: name, level },
          honest: await judged(bench, bench.lab.honest, "better"),
          nothing: await judged(bench, bench.lab.nothing, "no better"),
        });
        for (const attack of chosen)
          if (attack.lab === name && isPossible(attack, bench)) findings.push(await attacked(bench, attack));
      } finally {
        await bench.close();
      }
    }
  };
  const possible = names.filter((name) => !missing.includes(name));
  const waiting = possible.filter((name) => !heavy.has(name));
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await attackLab(name);
  };
  await Promise.all([work(), work()]);
  for (const name of possible) if (heavy.has(name)) await attackLab(name);
  const place = ({ attack, level }: Finding) => 2 * chosen.indexOf(attack) + levels.indexOf(level);
  findings.sort((a, b) => place(a) - place(b));
  return { levels, missing, controls, findings };
}

/** Looks at what a busy machine can spoil, besides the first. */
const moreLooks = 2;

/**
 * An attack whose verdict is unexpected is tried again where a busy machine may be why: its lab is timed, or a run failed
 * that should have been without effect. Where nothing is timed a cheat that once wins has won.
 */
async function attacked(bench: Bench, attack: Attack): Promise<Finding> {
  for (let look = 0; ; look++) {
    const finding = await runAttack(bench, attack);
    const spoilt = bench.lab.margin > 0 || finding.verdict === "detected";
    if (finding.verdict === attack.expect[finding.level] || !spoilt || look === moreLooks) return finding;
  }
}

/** On the seeds of the attacks' first runs, whose start is measured in any case. */
async function judged(
  bench: Bench,
  files: CandidateFiles,
  expected: Control["honest"],
): Promise<Control["honest"]> {
  for (let look = 0; ; look++) {
    const seed = seedOf(look);
    const evaluation = await bench.evaluate(files, seed);
    const better = !evaluation.failure && isBetter(bench, evaluation, await bench.start(seed));
    const found = evaluation.failure ? "failed" : better ? "better" : "no better";
    if (found === expected || bench.lab.margin === 0 || look === moreLooks) return found;
  }
}

function isPossible(attack: Attack, bench: Bench): boolean {
  return attack.possible?.(bench.sandbox.isolation) ?? true;
}

function lab(name: string) {
  const found = labs[name];
  if (!found) throw new Error(`there is no lab ${name}`);
  return found;
}
