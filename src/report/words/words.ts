import type { Channel } from "../../contract/index.ts";
import type {
  AuditResult,
  Notebook,
  ReportDrivers,
  ReportIsolation,
  ReportMachine,
  ReportMetric,
} from "../../notebook/index.ts";
import {
  effect,
  effectInterval,
  oneLine,
  percent,
  plural,
  pValue,
  quantity,
  type Scale,
  scaleOf,
  value,
} from "./format.ts";

/** The scale of everything that a notebook shows. */
export function notebookScale(notebook: Notebook): Scale {
  const { metric, sigma, baseline, experiments } = notebook;
  if (!notebook.deterministic && sigma !== null && sigma > 0) return scaleOf(metric, sigma, []);
  const values = experiments.flatMap((row) => (row.value === null ? [] : [row.value]));
  return scaleOf(metric, null, [...baseline.values, ...values]);
}

/** `L2`, or `L3: podman 4.3.1 with rights of root, image python:3.12 (sha256:0123456789ab)`. */
export function isolationName({ level, container }: Pick<ReportIsolation, "level" | "container">): string {
  if (!container) return level;
  const { engine, version, rootless, image, number } = container;
  const rights = rootless ? "rootless" : "with rights of root";
  return oneLine(`${level}: ${engine} ${version} ${rights}, image ${image} (${number.slice(0, 19)})`);
}

export interface Headline {
  /** The result in a few words. */
  claim: string;
  /** From where to where, with the interval. */
  evidence: string;
  /** What that means, one sentence. */
  meaning: string;
  /** `gain`: the interval lies above zero. `none`: an audit without a gain. `open`: no audit yet. */
  kind: "gain" | "none" | "open";
}

/**
 * The one claim of a session: the audited gain with its interval, never a sum of kept effects; without an audit it says
 * that there is none.
 */
export function headline(notebook: Notebook): Headline {
  const { audit, metric, baseline, best } = notebook;
  const scale = notebookScale(notebook);
  if (audit === null) {
    const keeps = notebook.tally.keeps;
    return {
      kind: "open",
      claim: "Not yet audited",
      evidence:
        best.experiment === null
          ? `baseline ${quantity(baseline.mean, scale)}, nothing better kept so far`
          : `best kept ${metric.name} ${quantity(best.value, scale)}, baseline ${quantity(baseline.mean, scale)}`,
      meaning:
        keeps === 0
          ? "Nothing has been kept, so there is nothing to audit."
          : "The kept values were measured while choosing among candidates, which flatters them; a fresh comparison of baseline and final state at the end gives the number to quote.",
    };
  }
  const audited = auditHeadline(audit, { ...notebook, scale });
  const { waiting } = notebook;
  if (waiting.length === 0) return audited;
  // In the claim itself: a picture may show nothing else.
  return {
    ...audited,
    claim: `${audited.claim}, ${waiting.map((number) => `#${number}`).join(", ")} not yet reviewed`,
    meaning: `${audited.meaning} It rests on ${plural(waiting.length, "keep that looks", "keeps that look")} too good to be believed without a person's review.`,
  };
}

/** Said in place of the interval that a single pair cannot have. */
export const onePair = "1 pair, which gives no interval";

/** The same for a session that has been audited. */
export function auditHeadline(
  audit: AuditResult,
  { metric, deterministic, scale }: { metric: ReportMetric; deterministic: boolean; scale: Scale },
): Headline {
  const change = `${value(audit.baselineMean, scale)} → ${quantity(audit.finalMean, scale)}`;
  if (audit.n === 1 && !deterministic)
    return {
      kind: "none",
      claim: "No audited gain",
      evidence: `${change} · ${onePair}`,
      meaning:
        "Baseline and final state were run side by side once. What lies between two runs may be noise: audit at least two pairs, better eight.",
    };
  const range = effectInterval(audit.interval, scale);
  const pairs = deterministic ? "audited" : `audited in ${plural(audit.n, "fresh pair")}`;
  const evidence =
    audit.interval[0] === audit.interval[1]
      ? `${change} · ${pairs}`
      : `${change} · gain ${range} (95 % interval, ${pairs})`;
  if (audit.interval[0] <= 0)
    return {
      kind: "none",
      claim: "No audited gain",
      evidence,
      meaning: `In a fresh comparison of baseline and final state the interval of the gain ${
        audit.interval[1] < 0
          ? "lies below zero: the final state is worse."
          : "includes zero: the final state may be no better."
      }`,
    };
  const word = metric.direction === "minimize" ? "lower" : "higher";
  const size = Number.isFinite(audit.relative)
    ? percent(audit.relative)
    : quantity(Math.abs(audit.effect), scale);
  return {
    kind: "gain",
    claim: `${size} ${word} ${metric.name}`,
    evidence,
    meaning: `Baseline and final state were run side by side again after the last keep, ${
      deterministic ? "and gave these values" : "with fresh seeds and in alternating order"
    }; this is the number to quote.`,
  };
}

/** How the metric reached us, in words. */
export const channelWords: Record<Channel, string> = {
  scored: "computed by a trusted scorer that the candidate cannot reach",
  clocked: "measured by Whetstone itself",
  "self-reported": "read from the candidate's own output: it could state any number",
};

/** The channel, and where the value is read where the contract says so: `self-reported (from hyperfine's mean in ...)`. */
export function channelName(channel: Channel, metric: ReportMetric | null): string {
  return metric?.from === undefined ? channel : `${channel} (from ${oneLine(metric.from)})`;
}

/** Above these shares of other work and of steal, runs disturb each other noticeably. */
const busy = { others: 0.1, steal: 0.02 };

/**
 * What the machine did besides the runs, and what to do about it ("" when nothing is to be done); null when it does not
 * matter: nothing is timed and nothing drifts.
 */
export function machineWords(
  machine: ReportMachine,
  metric: ReportMetric,
): { fact: string; advice: string } | null {
  const { timed, pinned, others, steal, drift } = machine;
  const crowded = (others?.mean ?? 0) > busy.others;
  const stolen = (steal?.mean ?? 0) > busy.steal;
  if (!timed && drift === null) return null;
  const share = (part: { mean: number; worst: number }) =>
    `${percent(part.mean)} of the processors (${percent(part.worst)} in the worst run)`;
  const facts = [
    ...(others === null ? [] : [`other work took ${share(others)}`]),
    ...(steal === null || (!stolen && steal.worst <= busy.steal)
      ? []
      : [`the hypervisor took ${share(steal)}`]),
    ...(drift === null
      ? []
      : [`unchanged code drifts by ${driftSize(drift.perHour, metric)} an hour (p ${pValue(drift.p)})`]),
  ];
  const advice = [
    ...(crowded
      ? [
          pinned
            ? "stop other work here"
            : 'stop other work here, or pin the runs, e.g. budget: {cpus: "2,3"}',
        ]
      : []),
    ...(stolen ? ["use a machine with processors of its own"] : []),
    ...(drift === null ? [] : ["trust head-to-head pairs only, not values of different times"]),
  ];
  return {
    fact:
      facts.length === 0
        ? "how busy others keep it is not known: the system does not tell, or the runs are shorter than 250 ms"
        : facts.join(", "),
    advice: advice.join("; "),
  };
}

/** Two digits, however small it is beside the metric's noise. */
function driftSize(perHour: number, metric: ReportMetric): string {
  const scale = scaleOf(metric, Math.abs(perHour), []);
  return `${effect(perHour, scale)}${scale.unit === "" ? "" : ` ${scale.unit}`}`;
}

/** Where the agents were that drove, one sentence each; none where no agent did. */
export function driverWords({ free, boxes }: ReportDrivers): string[] {
  const inBoxes = boxes.map(({ program, level, granted, notEnforced, experiments }) => {
    const had = granted.length === 0 ? "nothing" : granted.map(oneLine).join("; ");
    const open = notEnforced.length === 0 ? "" : `; not enforced: ${notEnforced.map(oneLine).join("; ")}`;
    return `${plural(experiments, "experiment")} by ${oneLine(program)} in a sandbox of its own (${oneLine(level)}), granted ${had}${open}`;
  });
  return free === 0 ? inBoxes : [...inBoxes, `${plural(free, "experiment")} by an agent with your rights`];
}
