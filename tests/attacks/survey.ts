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
  const attackLab = async (name: string) => {
    for (const level of levels) {
      const bench = await openBench(lab(name), level);
      try {
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
