import type { TrialRecord } from "./effect.ts";
import type { Arm } from "./trial.ts";

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
 * Whether the skill makes runs change the files by which their checks judge. An effect that comes of this is the runs' own
 * word, whatever its statistics say; where both arms change them alike, it may be the work itself.
 */
export function meddling(records: readonly TrialRecord[], control: Arm): Meddling | null {
  const share = (arm: Arm) => {
    const runs = records.filter((record) => record.arm === arm);
    const own = runs.filter(({ trial }) => (trial.rewrote ?? []).length > 0);
    return { share: own.length / Math.max(1, runs.length), own };
  };
  const [of, against] = [share("with"), share(control)];
  if (!(of.share > against.share)) return null;
  const counts = new Map<string, number>();
  for (const { trial } of of.own)
    for (const file of trial.rewrote ?? []) counts.set(file, (counts.get(file) ?? 0) + 1);
  const [file] = [...counts].sort((a, b) => b[1] - a[1])[0] as [string, number];
  const percent = (part: number) => `${Math.round(100 * part)} %`;
  return {
    ...{ file, treatment: of.share, control: against.share },
    reason: `runs with it changed what judges them (${file}) in ${percent(of.share)}, those without in ${percent(against.share)}: name it under \`protect\` or \`hidden\` in the goals, then test again`,
  };
}
