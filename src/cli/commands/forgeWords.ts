import {
  type Counts,
  claimOf,
  type ForgeOutcome,
  groundsWords,
  leftOutWords,
  range,
  sureOf,
  type TestPaused,
  type TestReport,
  testsWords,
  tookWords,
  type Worded,
} from "../../forge/index.ts";

import type { Work } from "./trials.ts";

export const points = (value: number) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)} points`;

export function reportText(report: TestReport): string {
  const { verdict, banding, treatment } = report;
  const { cost } = verdict;
  return [
    `${report.skill} v${report.version}: ${claimOf(report)}`,
    ...testsWords(report).map((words) => `  ${words}`),
    ...report.warnings.map((warning) => `  warning: ${warning}`),
    ...(verdict.effect === null
      ? []
      : [
          `  effect ${points(verdict.effect.points)}${range(verdict.effect.interval, sureOf(report.rule))}, ${verdict.effect.pairs} pairs over ${verdict.effect.tasks} goals, p ${verdict.p.better.toPrecision(2)}`,
        ]),
    `  ${groundsWords(report.grounds)}`,
    `  read in ${Math.round(100 * verdict.loaded.treatment)} % of its runs, in ${Math.round(100 * verdict.loaded.control)} % of the others`,
    ...(cost === null
      ? []
      : [`  cost ${cost.extra < 0 ? "−" : "+"}${Math.abs(100 * cost.extra).toFixed(0)} % ${cost.unit}`]),
    `  score ${treatment.overall?.value.toFixed(1) ?? "none"}, of how well runs go with it${treatment.missing.length > 0 ? ` (missing: ${treatment.missing.join(", ")})` : ""}`,
    ...(report.repeated === null
      ? [`  the test took ${report.took.runs} runs: ${tookWords(report.took)}`]
      : []),
    ...(report.suite.sealed > 0
      ? [
          `  sealed goals: ${report.sealed === null ? "not opened" : report.sealed.verdict.outcome}; opened for ${report.openings} versions so far`,
        ]
      : []),
    `  ${banding.band === "discarded" ? "discard" : `keep as ${banding.band}`}: ${banding.reason}`,
    ...(report.status === null ? [] : [`  ${report.inUse ? "in use" : `not in use: ${report.why}`}`]),
  ].join("\n");
}

export function pausedText({ why, evaluation, trials }: TestPaused, { stop, meter }: Work): string {
  const limited = !stop.requested && meter.beyond() !== null;
  return `stopped after ${trials.length} runs: ${why}\nnothing is lost: the same command ${limited ? "with a higher limit " : ""}goes on with evaluation #${evaluation}`;
}

export function reportJson({ trials, ...report }: TestReport): object {
  return { ...report, runs: trials.length };
}

export function outcomeJson(outcome: ForgeOutcome): object {
  if (outcome.kind === "tested")
    return {
      ...outcome,
      worded: outcome.worded && jsonOf(outcome.worded),
      report: reportJson(outcome.report),
    };
  if (outcome.kind === "nothing") return { ...outcome, worded: outcome.worded && jsonOf(outcome.worded) };
  const { trials, ...rest } = outcome;
  return { ...rest, runs: trials.length };
}

/** Files of a skill are bytes: the candidate has none. */
export function jsonOf(worded: Worded): object {
  const { candidate, ...rest } = worded;
  if (candidate === null) return worded;
  const { files: _files, ...skill } = candidate.skill;
  return { ...rest, candidate: { ...candidate, skill } };
}

export function outcomeText(outcome: ForgeOutcome, work: Work): string {
  if (outcome.kind === "nothing")
    return `${countsText(outcome.counts)}\n${wordedText(outcome.worded, outcome.why)}`;
  if (outcome.kind === "paused") return `${outcome.draft.skill}: ${pausedText(outcome, work)}`;
  return `${outcome.worded ? `${wordedText(outcome.worded, "")}\n` : ""}${reportText(outcome.report)}`;
}

export function countsText(counts: Counts): string {
  const list = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ["", title, ...lines.slice(0, 10).map((line) => `  ${line}`)];
  const chain = (calls: readonly string[]) => calls.join(" → ");
  return [
    `${counts.runs} runs (${counts.succeeded} succeeded, ${counts.failed} failed), ${counts.calls} calls, ${counts.wasted} of them failed, repeated or unused`,
    ...(counts.leftOut > 0 ? [`not counted: ${leftOutWords(counts)}`] : []),
    ...list(
      "what separates success from failure in the same tasks",
      counts.contrasts.map(
        (each) =>
          `${chain(each.calls)}: ${each.successWith}/${each.successWith + each.successWithout} of successes, ${each.failureWith}/${each.failureWith + each.failureWithout} of failures, p ${each.p.toPrecision(2)} (${each.adjusted.toPrecision(2)} for all looks)`,
      ),
    ),
    ...list(
      "criteria that are missed",
      counts.missed.map(
        (each) => `${each.criterion} (${each.family}): ${each.missed} of ${each.goals} goals`,
      ),
    ),
    ...list(
      "after an error",
      counts.recoveries.map(
        (each) =>
          `${each.call} "${each.error}", then ${each.next}: recovered ${each.recovered} of ${each.times}, in ${each.runs} runs`,
      ),
    ),
    ...list(
      "sequences",
      counts.sequences.map((each) => `${chain(each.calls)}: in ${each.runs} runs, ${each.times} times`),
    ),
    ...list(
      "calls that brought nothing",
      counts.waste.map((each) => `${each.why}: ${each.call}, ${each.times} times in ${each.runs} runs`),
    ),
    ...list(
      "time and tokens of a call",
      counts.steps.map(
        (each) =>
          `${each.call}: ${each.times} times${each.ms === null ? "" : `, ${Math.round(each.ms)} ms`}${each.tokens === null ? "" : `, ${Math.round(each.tokens)} tokens`}`,
      ),
    ),
  ].join("\n");
}

export function wordedText(worded: Worded | null, why: string): string {
  if (worded === null) return `\nnothing to forge: ${why}`;
  const claims = (title: string, of: Worded["patterns"]) =>
    of.length === 0 ? [] : [title, ...of.map(({ claim, events }) => `  ${claim} [${events.join(", ")}]`)];
  return [
    "",
    ...claims("what helps", worded.patterns),
    ...claims("what does not", worded.antipatterns),
    ...(worded.dropped.length > 0
      ? [`${worded.dropped.length} sentences were dropped: they cite nothing that shows them`]
      : []),
    ...(worded.candidate === null
      ? [`no skill: ${why}`]
      : [
          `candidate ${worded.candidate.skill.name}: ${worded.candidate.skill.description}`,
          worded.candidate.skill.instructions,
        ]),
  ].join("\n");
}
