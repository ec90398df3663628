import type { Attack, AttackedLevel, CandidateFiles, Finding } from "./attack.ts";
import { forging } from "./forging.ts";
import { hasNeeds, labs } from "./labs.ts";
import { reach } from "./reach.ts";
import { resources } from "./resources.ts";
import { type Bench, isBetter, levelsHere, openBench, runAttack, seedOf } from "./runAttack.ts";

export const attacks: readonly Attack[] = [...forging, ...reach, ...resources];

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
          honest: await judged(bench, bench.lab.honest),
          nothing: await judged(bench, bench.lab.nothing),
        });
        for (const attack of chosen)
          if (attack.lab === name && isPossible(attack, bench)) findings.push(await runAttack(bench, attack));
      } finally {
        bench.close();
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

/** On the seed of every attack's first run, whose start is measured in any case. */
async function judged(bench: Bench, files: CandidateFiles): Promise<Control["honest"]> {
  const evaluation = await bench.evaluate(files, seedOf(0));
  if (evaluation.failure) return "failed";
  return isBetter(bench, evaluation, await bench.start(seedOf(0))) ? "better" : "no better";
}

function isPossible(attack: Attack, bench: Bench): boolean {
  return attack.possible?.(bench.sandbox.isolation) ?? true;
}

function lab(name: string) {
  const found = labs[name];
  if (!found) throw new Error(`there is no lab ${name}`);
  return found;
}
