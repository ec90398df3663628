import type { Arm, Trial } from "../ledger/index.ts";
import type { SkillPage } from "../report/index.ts";
import type { Skill } from "../skills/index.ts";
import { type TriggerResult, triggerWords } from "./live/trigger.ts";
import { type Component, type ComponentName, equalSpeed, type Ses } from "./statistics/ses.ts";
import type { TransferCell } from "./statistics/transfer.ts";
import { groundsWords } from "./test/grounds.ts";
import type { TestReport } from "./test/testSkill.ts";

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
        : `${signed(effect.points)} points${range(effect.interval, sureOf(rule))}, over ${effect.tasks} goals and ${effect.pairs} pairs of runs; p ${verdict.p.better.toPrecision(2)}`,
    legend:
      "Points of 100, with the skill less without. p: how often a skill that does nothing would look at least this good, all looks at the runs together. In brackets: in how many of 100 tests, at least, such an interval holds the true effect.",
    meaning: `${banding.band === "discarded" ? "Discard" : `Keep as ${banding.band}`}: ${banding.reason}. ${report.inUse ? "In use: agents are offered it where it fits." : `Not in use: ${report.why}.`}`,
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
        main:
          cost === null
            ? "not known"
            : `${signed(100 * cost.extra)} % ${cost.unit === "ms" ? "time" : cost.unit}`,
        more: costWords(report),
      },
      {
        name: "Score",
        main: overall === null ? "none" : overall.value.toFixed(1),
        more: sentences(
          "How well runs go with it, and not whether it helps",
          overall?.interval &&
            `95 % ${overall.interval[0].toFixed(1)} to ${overall.interval[1].toFixed(1)}; without it ${baseline.overall?.value.toFixed(1) ?? "none"}`,
          treatment.missing.length > 0 && `missing: ${treatment.missing.join(", ")}`,
        ),
      },
      {
        name: "Sealed goals",
        main: report.sealed === null ? "not opened" : report.sealed.verdict.outcome,
        more:
          report.suite.sealed === 0
            ? "The suite has none: without them nothing becomes gold."
            : `${report.suite.sealed} sealed goals, opened for ${report.openings} versions so far.`,
      },
      {
        name: "Tested with",
        main: who.agent,
        more: sentences(
          who.model !== null && !who.agent.includes(who.model) && `model ${who.model}`,
          report.judges.length > 0 ? `judge ${report.judges.join(", ")}` : "no judge: checks only",
          report.library ? "both arms had the rest of the library" : "neither arm had any other skill",
        ),
      },
      {
        name: "Which test",
        main: `#${report.evaluation}, ${new Date(report.endedAt).toISOString().slice(0, 10)}`,
        more: sentences(
          `suite ${report.suite.name}: ${report.suite.goals} goals`,
          `alpha ${rule.alpha}`,
          report.repeated !== null && "no run was made: all was on record",
        ),
      },
      {
        name: report.repeated === null ? "What the test took" : "What the test took then",
        main: `${report.took.runs} runs`,
        more: sentences(
          tookWords(report.took),
          trigger !== null &&
            `${trigger.took.runs} tries of when it is read on top: ${tookWords(trigger.took)}`,
        ),
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
      ...{ effect: `${signed(of.points)}${range(of.interval, 95)}${over(control)}`, pairs: of.pairs },
    })),
    notes: [
      ...testsWords(report),
      ...report.warnings,
      ...(report.leak ? [report.leak.reason] : []),
      ...(report.meddling ? [report.meddling.reason] : []),
      ...(verdict.invalid ? [verdict.invalid] : []),
      ...(report.suite.skipped.length > 0
        ? [`No goals, and skipped: ${report.suite.skipped.join(", ")}.`]
        : []),
      ...report.suite.excluded.map(({ name, why }) => `${name} was left out: ${why}.`),
      ...(trigger === null ? [] : triggerWords(trigger)),
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

/** What each part of the score is, in a line. */
const parts: Record<ComponentName, string> = {
  completion: "criteria met, by their weight",
  efficiency: "useful calls of all calls: not failed, not repeated, not unused",
  recovery: "errors of tools after which the goal came right",
  speed: `against the paired run without: as fast is ${equalSpeed}, twice as fast 100, half as fast 50`,
  transferability: "what it brings to families of goals that did not teach it: nothing is 50",
  consistency: "how alike the runs of one goal score",
};

function partsOf(treatment: Ses, baseline: Ses): SkillPage["parts"] {
  const value = (part: Component | undefined) =>
    part === undefined || part.missing !== null
      ? "–"
      : `${part.value.toFixed(1)}${part.interval ? ` (${part.interval[0].toFixed(0)} to ${part.interval[1].toFixed(0)})` : ""}`;
  return treatment.components.map((part) => ({
    ...{ name: part.name, what: parts[part.name], weight: part.weight, value: value(part) },
    baseline: value(baseline.components.find(({ name }) => name === part.name)),
    rests: part.missing ?? `${part.n} runs of ${part.tasks} goals`,
  }));
}

function tasksOf({ trials, rule }: TestReport): SkillPage["tasks"] {
  const byName = (a: [string, unknown], b: [string, unknown]) =>
    a[0].localeCompare(b[0], "en", { numeric: true });
  return [...Map.groupBy(trials, ({ task }) => task)].sort(byName).map(([task, rows]) => {
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

/** @param sure percent of such intervals that hold the truth, at least. */
export function range(interval: readonly [number, number] | null, sure: number): string {
  return interval === null ? "" : ` (${sure} % ${signed(interval[0])} to ${signed(interval[1])})`;
}

/** Percent: an effect's interval leaves out at most alpha at either side. */
export function sureOf({ alpha }: Pick<TestReport["rule"], "alpha">): number {
  return Number((100 * (1 - 2 * alpha)).toFixed(1));
}

/** What a run takes without and with it, in whatever the runs say. */
function costWords({ trials, rule, verdict }: TestReport): string {
  const mean = (arm: Arm, of: (trial: Trial) => number | null) => {
    const own = trials.filter((row) => row.arm === arm).map(({ trial }) => of(trial));
    return own.length === 0 || own.includes(null)
      ? null
      : own.reduce<number>((sum, value) => sum + (value ?? 0), 0) / own.length;
  };
  const both = (of: (trial: Trial) => number | null, words: (value: number) => string) => {
    const [without, along] = [mean(rule.control, of), mean("with", of)];
    return without === null || along === null
      ? null
      : `${words(without)} a run without, ${words(along)} with`;
  };
  return sentences(
    both(({ dollars }) => dollars, money) ?? "in dollars not known: the runs did not say",
    both(({ tokens }) => tokens, tokenWords),
    both(({ wallMs }) => wallMs, time),
    verdict.veto !== null && verdict.veto,
  );
}

/** Money, tokens and time of runs together. */
export function tookWords({ dollars, tokens, ms }: Omit<TestReport["took"], "runs">): string {
  return [
    dollars === null ? "cost in dollars not known" : money(dollars),
    tokens === null ? "tokens not known" : tokenWords(tokens),
    time(ms),
  ].join(", ");
}

const money = (dollars: number) => `$${dollars.toFixed(dollars > 0 && dollars < 0.1 ? 4 : 2)}`;
const tokenWords = (tokens: number) => `${Math.round(tokens)} tokens`;
const time = (ms: number) =>
  ms < 1000
    ? `${Math.round(ms)} ms`
    : ms < 120_000
      ? `${(ms / 1000).toFixed(1)} s`
      : `${Math.round(ms / 60_000)} min`;

/** What there is to say, as sentences. */
function sentences(...parts: (string | null | undefined | false)[]): string {
  return parts
    .filter((part): part is string => typeof part === "string" && part !== "")
    .map((part) => `${part.charAt(0).toUpperCase()}${part.slice(1).replace(/\.$/, "")}.`)
    .join(" ");
}
