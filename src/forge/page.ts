import type { SkillPage } from "../report/index.ts";
import type { Skill } from "../skills/index.ts";
import { groundsWords } from "./grounds.ts";
import type { Component, Ses } from "./ses.ts";
import type { TestReport } from "./testSkill.ts";
import type { TransferCell } from "./transfer.ts";
import type { Arm } from "./trial.ts";
import type { TriggerResult } from "./trigger.ts";

/** A test as the report page tells it. */
export function pageOf(
  skill: Skill,
  report: TestReport,
  { trigger = null, matrix = [] }: { trigger?: TriggerResult | null; matrix?: readonly TransferCell[] } = {},
): SkillPage {
  const { verdict, banding, treatment, baseline, rule, who } = report;
  const { effect, cost, loaded } = verdict;
  const overall = treatment.overall;
  return {
    ...{ name: report.skill, version: report.version, description: skill.description },
    claim: claimOf(report),
    kind:
      verdict.kept && !report.meddling && !report.leak
        ? "gain"
        : verdict.outcome === "not enough evidence"
          ? "open"
          : "none",
    evidence:
      effect === null
        ? "Nothing could be compared."
        : `${signed(effect.points)} points${range(effect.interval)}, over ${effect.tasks} goals and ${effect.pairs} pairs of runs; p ${verdict.p.better.toPrecision(2)}`,
    meaning: `${banding.band === "discarded" ? "Discard" : `Keep as ${banding.band}`}: ${banding.reason}.`,
    facts: [
      {
        name: "Does it help",
        main: verdict.outcome,
        more: verdict.reason,
      },
      {
        name: "Where it was read",
        main: `${Math.round(100 * loaded.treatment)} % of the runs with it`,
        more: `${Math.round(100 * loaded.control)} % of those without. ${verdict.asLoaded ? `Each run that read it gains ${signed(verdict.asLoaded.points)} points.` : ""}`,
      },
      {
        name: "What it costs",
        main: cost === null ? "not known" : `${signed(100 * cost.extra)} % ${cost.unit}`,
        more:
          cost === null
            ? "No run said what it cost."
            : `${amount(cost.control, cost.unit)} a run without, ${amount(cost.treatment, cost.unit)} with.`,
      },
      {
        name: "Score",
        main: overall === null ? "none" : overall.value.toFixed(1),
        more: `${overall?.interval ? `95 % ${overall.interval[0].toFixed(1)} to ${overall.interval[1].toFixed(1)}. ` : ""}${treatment.missing.length > 0 ? `Missing: ${treatment.missing.join(", ")}.` : ""}`,
      },
      {
        name: "Sealed goals",
        main: report.sealed === null ? "not opened" : report.sealed.verdict.outcome,
        more: `${report.suite.sealed} sealed goals, opened for ${report.openings} versions so far.`,
      },
      {
        name: "Tested with",
        main: who.agent,
        more: `${who.model ? `Model ${who.model}. ` : ""}${report.judges.length > 0 ? `Judge ${report.judges.join(", ")}. ` : "No judge: checks only. "}${verdict.runs} runs, alpha ${rule.alpha}.`,
      },
      {
        name: "What the scores rest on",
        main: report.grounds.isolation.join(", ") || "not on record",
        more: `${groundsWords(report.grounds)}.`,
      },
    ],
    parts: partsOf(treatment, baseline),
    tasks: tasksOf(report),
    trigger: trigger === null ? null : trigger.queries,
    matrix: matrix.map(({ family, agent, model, control, effect: of, transfer }) => ({
      ...{ family, who: model === null ? agent : `${agent} (${model})`, transfer },
      ...{ effect: `${signed(of.points)}${range(of.interval)}${over(control)}`, pairs: of.pairs },
    })),
    notes: [
      ...testsWords(report),
      ...report.warnings,
      ...(report.leak ? [report.leak.reason] : []),
      ...(report.meddling ? [report.meddling.reason] : []),
      ...(verdict.invalid ? [verdict.invalid] : []),
      ...(verdict.more
        ? [
            `About ${verdict.more.runs} more runs over ${verdict.more.tasks} goals would decide an effect of ${verdict.more.points.toFixed(1)} points.`,
          ]
        : []),
      ...(report.suite.skipped.length > 0
        ? [`No goals, and skipped: ${report.suite.skipped.join(", ")}.`]
        : []),
      ...report.suite.excluded.map(({ name, why }) => `${name} was left out: ${why}.`),
      ...(trigger === null
        ? []
        : [
            ...triggerWords(trigger),
            ...(trigger.stopped === null
              ? []
              : [`Only ${trigger.queries.length} questions were tried: ${trigger.stopped}.`]),
          ]),
    ],
    instructions: skill.instructions,
  };
}

/** The finding in a few words. */
export function claimOf({ verdict, meddling }: Pick<TestReport, "verdict" | "meddling">): string {
  const points = verdict.effect?.points ?? 0;
  if (verdict.kept && meddling) return `Its runs change what judges them (${meddling.file})`;
  if (verdict.kept) return `It helps: ${signed(points)} points`;
  if (verdict.veto !== null) return "It helps, but costs more than it brings";
  if (verdict.outcome === "worse") return `It harms: ${signed(points)} points`;
  return `Not enough evidence that it helps${points < 0 && verdict.invalid === null ? "; it leans worse" : ""}`;
}

/** When it was read, of how many questions of either kind. */
function triggerWords({ queries }: TriggerResult): string[] {
  return [true, false].flatMap((should) => {
    const those = queries.filter((each) => each.should === should);
    const right = those.filter((each) => each.right).length;
    if (those.length === 0) return [];
    return should
      ? [`Of ${those.length} questions that call for it, it was read at ${right}.`]
      : [`Of ${those.length} that do not, it stayed quiet at ${right}.`];
  });
}

/** What a verdict stands beside: how noisy its goals are, whether it was asked before, how many chances it had. */
export function testsWords({
  repeated,
  evaluation,
  tests,
  calibration,
  suite,
  who,
}: Pick<TestReport, "repeated" | "evaluation" | "tests" | "calibration" | "suite" | "who">): string[] {
  const day = (at: number) => new Date(at).toISOString().slice(0, 10);
  return [
    ...(repeated === null
      ? []
      : [
          `This text was tested with these goals and this setup before: the verdict is that of evaluation #${evaluation} of ${day(repeated.endedAt)}, and no run was made. A second try would only be a second chance: give more goals.`,
        ]),
    ...(tests.number < 2
      ? []
      : [
          `This text was tested ${tests.number} times on goals in common: one that does nothing is found better by one of them with a probability of up to ${(100 * Math.min(1, tests.alpha)).toFixed(0)} %.`,
        ]),
    calibration === null
      ? `How noisy ${suite.name} is with ${who.agent} is not known: \`whet forge calibrate SUITE\` with the same agent runs the goals against themselves and says how large an effect must be to be seen.`
      : `Calibration #${calibration.evaluation} of ${day(calibration.endedAt)}: ${calibration.words}.`,
  ];
}

function partsOf(treatment: Ses, baseline: Ses): SkillPage["parts"] {
  const value = (part: Component | undefined) =>
    part === undefined || part.missing !== null
      ? "–"
      : `${part.value.toFixed(1)}${part.interval ? ` (${part.interval[0].toFixed(0)} to ${part.interval[1].toFixed(0)})` : ""}`;
  return treatment.components.map((part) => ({
    ...{ name: part.name, weight: part.weight, value: value(part) },
    baseline: value(baseline.components.find(({ name }) => name === part.name)),
    rests: part.missing ?? `${part.n} runs of ${part.tasks} goals`,
  }));
}

function tasksOf({ trials, rule }: TestReport): SkillPage["tasks"] {
  return [...Map.groupBy(trials, ({ task }) => task)].map(([task, rows]) => {
    const mean = (arm: string) => {
      const scores = rows.flatMap((row) =>
        row.arm === arm && row.trial.score !== null ? [row.trial.score] : [],
      );
      return scores.length === 0 ? null : scores.reduce((a, b) => a + b, 0) / scores.length;
    };
    return {
      ...{ task, family: rows[0]?.family ?? "", runs: rows.length },
      ...{ without: mean(rule.control), with: mean("with") },
    };
  });
}

/** What an effect is beside, where that is not plain. */
export function over(control: Arm): string {
  return control === "before" ? " over the version before" : "";
}

export function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}`;
}

export function range(interval: readonly [number, number] | null): string {
  return interval === null ? "" : ` (${signed(interval[0])} to ${signed(interval[1])})`;
}

function amount(value: number, unit: "dollars" | "tokens" | "ms"): string {
  if (unit === "dollars") return `$${value.toFixed(4)}`;
  return unit === "ms" ? `${(value / 1000).toFixed(1)} s` : `${Math.round(value)} tokens`;
}
