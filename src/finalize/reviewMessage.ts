import type { Metric } from "../contract/index.ts";
import type { Estimate, Lean, Part } from "../notebook/index.ts";

/** What a commit on a review branch says: enough to judge the change without the ledger. */
export interface Review {
  subject: string;
  mechanism: string | null;
  prediction: string | null;
  /** The experiment of this commit; null for the lean state, which is many. */
  own: number | null;
  /** All that was measured together. */
  experiments: readonly number[];
  /** Measured on the untouched code. */
  effect: Estimate;
  untouched: readonly Sample[];
  changed: readonly Sample[];
  /** What the change adds to the final state; null for the lean state. */
  part: Part | null;
  lean?: Lean;
  metric: Metric;
  channel: string;
  level: string;
  tag: string;
  /** Pairs asked for. */
  pairs: number;
  /** The lab in the repository, "" for its root. */
  labPath: string;
  base: string;
  run: string;
}

interface Sample {
  value: number;
  seed: number;
}

export function reviewMessage(review: Review): string {
  const { metric, effect, untouched, changed, own, experiments } = review;
  const others = experiments.filter((number) => number !== own);
  const unit = metric.unit === undefined ? "" : ` ${metric.unit}`;
  const who =
    own === null
      ? "Against the untouched code"
      : others.length === 0
        ? "Alone on the untouched code"
        : `Together with ${others.map((number) => `#${number}`).join(", ")} on the untouched code`;
  const lines = [
    line(review.subject),
    "",
    ...(review.mechanism ? [`Why: ${line(review.mechanism)}`, ""] : []),
    ...(review.prediction ? [`Expected: ${line(review.prediction)}`, ""] : []),
    `${who}: ${metric.name} ${figure(mean(untouched))} -> ${figure(mean(changed))}${unit}`,
    `Effect: ${range(effect)}, ${untouched.length} interleaved pairs (positive is better)`,
    ...inFinal(review),
    "",
    `untouched: ${untouched.map(({ value }) => rounded(value)).join(" ")}`,
    `changed:   ${changed.map(({ value }) => rounded(value)).join(" ")}`,
    `seeds:     ${untouched.map(({ seed }) => seed).join(" ")}`,
    "",
    "Seeds are derived from the session's secret, new for each pair and the same for both sides.",
    `Metric: ${metric.name}, ${metric.direction === "minimize" ? "lower" : "higher"} is better, ${review.channel}. Isolation: ${review.level}.`,
    `Run: ${line(review.run)}`,
    `Repeat: whet finalize ${review.labPath === "" ? "." : `"${review.labPath}"`} --tag ${review.tag} --pairs ${review.pairs * 2}`,
    `(recorded runs are not repeated; more pairs than ${review.pairs} are measured anew on fresh seeds)`,
    "",
    `Whetstone-Review: ${review.tag}`,
    `Whetstone-Session: ${review.tag}`,
    ...(own === null ? [] : [`Whetstone-Experiment: ${own}`]),
    `Whetstone-Base: ${review.base}`,
    `Whetstone-Effect: ${figure(effect.effect)} [${effect.interval.map(figure).join(", ")}]`,
    `Whetstone-Channel: ${review.channel}, ${review.level}`,
    "",
  ];
  return lines.join("\n");
}

function inFinal({ part, lean }: Review): string[] {
  if (lean)
    return [
      `Against the final state: ${range(lean.againstFinal)}`,
      `Taken out: ${lean.removed.map((number) => `#${number}`).join(", ")}; not shown to carry weight, which is no proof that they are useless.`,
    ];
  if (!part) return [];
  const why = part.reason === "" ? part.verdict : `${part.verdict}, ${line(part.reason)}`;
  return [
    part.contribution === null
      ? `In the final state: ${why}`
      : `In the final state it adds ${range(part.contribution)}: ${why}`,
  ];
}

function range({ effect, interval }: Estimate): string {
  if (interval[0] === interval[1]) return `${figure(effect)}, the same in every pair`;
  return `${figure(effect)} [${interval.map(figure).join(", ")}] (95 % interval)`;
}

/** A branch name's part: `raise-the-learning-rate`. */
export function slug(text: string): string {
  const words = text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 40)
    .replace(/^-+|-+$/g, "");
  return words || "change";
}

function line(text: string): string {
  return text.replace(/[\s\p{Cc}]+/gu, " ").trim();
}

function mean(samples: readonly Sample[]): number {
  return samples.reduce((sum, { value }) => sum + value, 0) / samples.length;
}

function figure(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(4)));
}
