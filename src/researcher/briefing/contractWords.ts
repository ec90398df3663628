import type { Contract, Guard } from "../../contract/index.ts";
import { metricPlace } from "../../metricSources/index.ts";

/**
 * The contract in words: what counts as better, what may change, what must hold. Of the holdout only that there is one,
 * and nothing of what only a scorer sees.
 */
export function contractWords(contract: Contract): string[] {
  const { metric, guards, checks, budget, stages } = contract;
  const unit = metric.unit === undefined ? "" : ` ${metric.unit}`;
  const lines = [
    `Goal: ${contract.goal}`,
    `Metric: ${metric.name}${unit === "" ? "" : ` in${unit}`}, ${metric.direction === "minimize" ? "lower" : "higher"} is better. ${channelWords(contract)}`,
  ];
  if (metric.minEffect > 0)
    lines.push(`An improvement below ${metric.minEffect}${unit} is not worth keeping.`);
  if (metric.target !== undefined) lines.push(`Target: ${metric.target}${unit}.`);
  if (metric.plausible !== undefined)
    lines.push(`No honest value is better than ${metric.plausible}${unit}: what passes it is reviewed.`);
  for (const guard of guards) lines.push(`Guard: ${guardWords(guard)}`);
  for (const { command } of checks) lines.push(`Check, which must pass after each run: ${command}`);
  lines.push(
    `Only these files may change: ${contract.change.join(", ")}. Any other change makes the experiment invalid.`,
  );
  lines.push(
    contract.score?.evaluator
      ? "An evaluator that nobody sees calls the candidate's functions, in a sandbox."
      : `A candidate is run in a sandbox as: ${contract.run}`,
  );
  lines.push(
    `Budget of one run: ${seconds(budget.time)}, ${bytes(budget.memory)} of memory, ${budget.network ? "with" : "no"} network.`,
  );
  if (stages.length > 0)
    lines.push(`Cheaper runs come first: ${stages.map(({ name }) => name).join(", ")}, then the full one.`);
  if (contract.holdout)
    lines.push("A change that would be kept must also hold on data that nobody but the scorer sees.");
  lines.push("Fewer lines at an equal metric count as an improvement.");
  return lines;
}

function channelWords(contract: Contract): string {
  const { metric, score } = contract;
  if (metric.clock) return "It is measured from outside the run.";
  if (score?.evaluator?.inProcess)
    return "It is computed by an evaluator that imports the candidate, and every keep is looked at with that in mind.";
  if (score) return "It is computed by a scorer that no candidate can reach.";
  const place = metric.from ? metricPlace({ metric }) : "the run's own output";
  return `It is read from ${place}, and every keep is looked at with that in mind.`;
}

function guardWords({ name, direction, min, max, tolerance }: Guard): string {
  const parts = [
    ...(min === undefined ? [] : [`at least ${min}`]),
    ...(max === undefined ? [] : [`at most ${max}`]),
    ...(tolerance === null ? [] : [toleranceWords(direction, tolerance)]),
  ];
  return `${name} must be ${parts.join(", ")}`;
}

function toleranceWords(direction: Guard["direction"], by: { absolute: number; relative: number }): string {
  const way = direction === "minimize" ? "higher" : "lower";
  const room = [
    ...(by.relative > 0 ? [`${Number((by.relative * 100).toFixed(3))} %`] : []),
    ...(by.absolute > 0 ? [String(by.absolute)] : []),
  ];
  return room.length === 0
    ? `no ${way} than the best so far`
    : `${way} than the best so far by ${room.join(" and ")} at most`;
}

function seconds(ms: number): string {
  return ms >= 120_000 ? `${Number((ms / 60_000).toFixed(1))} min` : `${Number((ms / 1000).toFixed(1))} s`;
}

function bytes(value: number): string {
  return value >= 2 ** 30
    ? `${Number((value / 2 ** 30).toFixed(1))} GB`
    : `${Math.round(value / 2 ** 20)} MB`;
}
