/** A failed run of the baseline or of an audit. */
export interface FailedRun {
  purpose: string;
  arm: string;
  round: number;
  failureKind: string | null;
  failureMessage: string | null;
  logTail: string;
}

/** Lines of each log that are shown. */
const shown = 4;
/** The newest runs that are shown. */
const most = 8;

/** The failed runs that no experiment had: which run it was, why it failed, the end of its log. "" for none. */
export function besideText(runs: readonly FailedRun[]): string {
  if (runs.length === 0) return "";
  const out = [`beside the experiments  ${runs.length} failed ${runs.length === 1 ? "run" : "runs"}`];
  for (const run of runs.slice(-most)) {
    out.push(
      `  run ${run.round} of the ${placeOf(run)}: ${run.failureMessage ?? run.failureKind ?? "it failed"}`,
    );
    // What a scorer said of the final state may tell what is hidden.
    if (run.failureKind === "scorer" && run.purpose === "audit") continue;
    const lines = run.logTail.split("\n").filter((line) => line.trim() !== "");
    out.push(...lines.slice(-shown).map((line) => `    │ ${line.slice(0, 200)}`));
  }
  if (runs.length > most) out.push(`  and ${runs.length - most} earlier`);
  return `${out.join("\n")}\n`;
}

function placeOf({ purpose, arm }: FailedRun): string {
  if (purpose === "warmup") return "warm-up";
  if (purpose === "audit") return `audit (${arm === "baseline" ? "untouched code" : "final state"})`;
  return purpose;
}
