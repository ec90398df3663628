import type { Arm, Trial } from "../../ledger/index.ts";
import { pairsOf, type TrialRecord } from "./effect.ts";

/** Runs with the skill changed what judges them, more often than those without. */
export interface Meddling {
  /** The file most of them changed. */
  file: string;
  /** Shares of each arm's runs that changed a judging file. */
  treatment: number;
  control: number;
  reason: string;
}

/**
 * Whether the skill makes runs change the files by which their checks judge: the share of its runs that do is larger than
 * the control's. An effect that comes of this is the runs' own word, whatever its statistics say.
 *
 * A file that half of the control's runs change as well, in the tasks where any run does, is the work itself: a check may
 * well run `main.mjs`. There a larger share counts only where chance would not bring it about (a one-sided sign test at
 * .05).
 */
export function meddling(records: readonly TrialRecord[], control: Arm): Meddling | null {
  const pairs = pairsOf(records, control);
  const files = new Set(pairs.flatMap((pair) => [...rewritten(pair.control), ...rewritten(pair.treatment)]));
  const isWork = (file: string) => {
    const tasks = new Set(
      pairs.flatMap(({ task, ...arms }) =>
        rewritten(arms.control).includes(file) || rewritten(arms.treatment).includes(file) ? [task] : [],
      ),
    );
    const runs = pairs.filter(({ task }) => tasks.has(task));
    return 2 * runs.filter((pair) => rewritten(pair.control).includes(file)).length >= runs.length;
  };
  const work = new Set([...files].filter(isWork));
  for (const ofWork of [false, true]) {
    const runs = pairs.map((pair) =>
      [pair.control, pair.treatment].map((trial) =>
        rewritten(trial).filter((file) => work.has(file) === ofWork),
      ),
    ) as [string[], string[]][];
    const [more, less] = [
      runs.filter(([one, other]) => one.length === 0 && other.length > 0).length,
      runs.filter(([one, other]) => one.length > 0 && other.length === 0).length,
    ];
    if (more > less && (!ofWork || signTest(more, less) <= 0.05)) return said(runs);
  }
  return null;
}

const rewritten = ({ rewrote = [] }: Trial): readonly string[] => rewrote;

function said(runs: readonly [control: string[], treatment: string[]][]): Meddling {
  const counts = new Map<string, number>();
  for (const file of runs.flatMap(([, treatment]) => treatment))
    counts.set(file, (counts.get(file) ?? 0) + 1);
  const [file] = [...counts].sort((a, b) => b[1] - a[1])[0] as [string, number];
  const share = (arm: 0 | 1) => runs.filter((run) => run[arm].length > 0).length / runs.length;
  const [control, treatment] = [share(0), share(1)];
  const percent = (part: number) => `${Math.round(100 * part)} %`;
  return {
    ...{ file, treatment, control },
    reason: `runs with it changed what judges them (${file}) in ${percent(treatment)}, those without in ${percent(control)}: name it under \`protect\` or \`hidden\` in the goals, then test again`,
  };
}

/** The probability of as many heads or more among tosses of a fair coin. */
function signTest(heads: number, tails: number): number {
  let ways = 1;
  let sum = 0;
  for (let tail = 0; tail <= tails; tail++) {
    sum += ways;
    ways = (ways * (heads + tails - tail)) / (tail + 1);
  }
  return sum / 2 ** (heads + tails);
}
