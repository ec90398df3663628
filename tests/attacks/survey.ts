import type { Attack, AttackedLevel, Finding } from "./attack.ts";
import { forging } from "./forging.ts";
import { hasNeeds, labs } from "./labs.ts";
import { reach } from "./reach.ts";
import { resources } from "./resources.ts";
import { type Bench, levelsHere, openBench, runAttack } from "./runAttack.ts";

export const attacks: readonly Attack[] = [...forging, ...reach, ...resources];

export interface Survey {
  levels: AttackedLevel[];
  /** Labs whose needs this machine does not meet. */
  missing: string[];
  findings: Finding[];
}

/** Runs every attack at every level that this machine offers, lab by lab. */
export async function survey(chosen: readonly Attack[] = attacks): Promise<Survey> {
  const levels = await levelsHere();
  const names = [...new Set(chosen.map((attack) => attack.lab))];
  const missing = names.filter((name) => !hasNeeds(lab(name)));
  const findings: Finding[] = [];
  for (const name of names) {
    if (missing.includes(name)) continue;
    for (const level of levels) {
      const bench = await openBench(lab(name), level);
      try {
        for (const attack of chosen)
          if (attack.lab === name && isPossible(attack, bench)) findings.push(await runAttack(bench, attack));
      } finally {
        bench.close();
      }
    }
  }
  return { levels, missing, findings };
}

function isPossible(attack: Attack, bench: Bench): boolean {
  return attack.possible?.(bench.sandbox.isolation) ?? true;
}

function lab(name: string) {
  const found = labs[name];
  if (!found) throw new Error(`there is no lab ${name}`);
  return found;
}
