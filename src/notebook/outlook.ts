import type { Contract } from "../contract/index.ts";
import { heardSince, ideasOf, type Ledger, type SessionRow, storedProgram } from "../ledger/index.ts";

/** What a fresh mind needs besides what has been done: the rules, and what is still to be thought of. */
export interface Outlook {
  /** One sentence each. */
  rules: string[];
  /** Open ideas with their ids, newest first. */
  ideas: { id: number; text: string }[];
  /** What a person has said to the researchers, newest last. */
  words: string[];
}

/** At most so many ideas are read. */
const most = 100;

export async function outlookOf(ledger: Ledger, row: SessionRow): Promise<Outlook> {
  const { contract } = storedProgram(row.program);
  const ideas = await ideasOf(ledger, { open: true, limit: most });
  return {
    rules: rulesOf(contract),
    words: await heardSince(ledger, row.id, 0, 5),
    ideas: ideas.reverse().map(({ id, text }) => ({ id, text })),
  };
}

function rulesOf(contract: Contract): string[] {
  const { change, run, budget, guards, checks, holdout, score } = contract;
  return [
    `Only these files may change: ${change.join(", ")}.`,
    `A run is \`${run}\`, at most ${budget.time / 1000} s${score ? "; a scorer that you cannot reach measures it" : ""}.`,
    ...(guards.length > 0 ? [`Must not get worse: ${guards.map(({ name }) => name).join(", ")}.`] : []),
    ...(checks.length > 0 ? [`Must pass: ${checks.map(({ command }) => command).join("; ")}.`] : []),
    ...(holdout ? ["A keep must hold on data that nobody sees."] : []),
  ];
}
