import type { Channel, Problem } from "../../contract/index.ts";
import type {
  Grade,
  ReportGrant,
  ReportIsolation,
  ReportMachine,
  ReportMetric,
} from "../../notebook/index.ts";
import { bytes, duration, oneLine, percent, plural, quantity, scaleOf, value } from "../words/format.ts";
import { channelName, channelWords, isolationName, machineWords } from "../words/words.ts";
import { clip, left, paints, wrap } from "./columns.ts";
import type { PageOptions } from "./terminal.ts";

/** What `whet check` found; what was not reached because something before it failed is null or empty. */
export interface CheckReport {
  lab: string;
  /** The contract's file as a person would name it. */
  file: string;
  problems: Problem[];
  /** Null while the contract has errors. */
  metric: ReportMetric | null;
  /** Milliseconds; null when there is no setup or it was not reached. */
  setupMs: number | null;
  checks: { command: string; passed: boolean; message: string }[];
  baseline: { values: number[]; mean: number; sigma: number; deterministic: boolean } | null;
  /** Each guard on the untouched code, in its unit; `relative`: it must also be no worse than the incumbent's. */
  guards: { name: string; mean: number; min?: number; max?: number; relative: boolean }[];
  /** Whether the untouched code was measured on the holdout; what it said stays hidden. */
  holdoutMeasured: boolean;
  /** The untouched code on each named rung: the metric and milliseconds of one run. */
  stages: { name: string; mean: number; ms: number }[];
  /** The improvement that is kept in 4 of 5 cases: in the metric's unit, and as a fraction of the baseline. */
  detectable: { value: number; relative: number } | null;
  /** Milliseconds of one evaluation. */
  costMs: number | null;
  /** Runs that one candidate takes on average. */
  runsPerCandidate: number | null;
  /** Experiments in 8 hours. */
  perNight: number | null;
  isolation: ReportIsolation | null;
  channel: Channel | null;
  grade: Grade | null;
  /** What the contract grants the run and the scorer. */
  grants: ReportGrant[];
  /** What was pinned by its content besides the commit; null when there are no inputs. */
  inputs: { bytes: number; files: number; readBytes: number; readFiles: number } | null;
  machine: ReportMachine | null;
  /** What Whetstone's own cheats came to; null when they were not tried. */
  probe: {
    results: { canary: string; does: string; outcome: string; value: number | null; message: string }[];
  } | null;
  warnings: string[];
  /** Why it went no further, with what to do; null when everything ran. */
  failure: string | null;
}

/** `huge value (prints the largest number there is and ends): 1e308 against 8.63`. */
function canaryWords(
  { canary, does, value: got }: { canary: string; does: string; value: number | null },
  against: { metric: ReportMetric; mean: number; values: number[] } | null,
): string {
  const about = does === "" ? canary : `${canary} (${does})`;
  if (got === null || against === null) return about;
  const scale = scaleOf(against.metric, null, against.values);
  return `${about}: ${quantity(got, scale)} against ${quantity(against.mean, scale)}`;
}

/** A forecast claims no more digits than it has: two below a thousand, else one. */
function roundly(count: number): number {
  return Number(count.toPrecision(count < 1000 ? 2 : 1));
}

/** Guards have units of their own. */
function plainNumber(number: number): string {
  return String(Number(number.toPrecision(4)));
}

/** `whet check` as a readable page. */
export function checkText(check: CheckReport, options: PageOptions): string {
  const paint = paints(options.colour);
  const width = Math.max(40, options.width);
  const good = paint.green("✓");
  const bad = paint.red("✗");
  const out: string[] = [paint.bold(clip(check.lab, width)), ""];
  const fact = (name: string, main: string, more = "") => {
    const lines = wrap(main, width - 16);
    out.push(
      `${paint.dim(left(name, 14))}  ${lines[0]}`,
      ...lines.slice(1).map((line) => `${" ".repeat(16)}${line}`),
    );
    if (more !== "") out.push(...wrap(more, width - 16).map((line) => `${" ".repeat(16)}${paint.dim(line)}`));
  };
  const errors = check.problems.filter((problem) => problem.severity === "error").length;
  const file = oneLine(check.file);
  if (errors === 0) out.push(`${good} ${file} is a valid contract`);
  else out.push(`${bad} ${file} has ${plural(errors, "error")}`);
  for (const problem of check.problems) {
    const mark = problem.severity === "error" ? paint.red("error") : paint.yellow("warning");
    out.push(`  ${file}:${problem.line}:${problem.column}: ${mark}: ${oneLine(problem.what)}`);
    out.push(...wrap(problem.fix, width - 4).map((line) => `    ${paint.dim(line)}`));
  }
  if (check.setupMs !== null) out.push(`${good} setup took ${duration(check.setupMs)}`);
  for (const { command, passed, message } of check.checks) {
    out.push(`${passed ? good : bad} ${clip(`check: ${command}`, width - 2)}`);
    if (!passed) out.push(...wrap(message, width - 4).map((line) => `    ${line}`));
  }
  if (check.baseline !== null)
    out.push(`${good} ${plural(check.baseline.values.length, "run")} of the untouched code`);
  if (check.failure !== null)
    out.push(...wrap(check.failure, width - 2).map((line, i) => `${i === 0 ? bad : " "} ${line}`));
  out.push("");
  if (check.baseline !== null && check.metric !== null) {
    const { values, mean, sigma, deterministic } = check.baseline;
    const scale = scaleOf(check.metric, deterministic ? null : sigma, values);
    const better = check.metric.direction === "minimize" ? "lower is better" : "higher is better";
    fact(
      clip(check.metric.name, 14),
      `${quantity(mean, scale)} (${better})`,
      `runs: ${values.map((v) => value(v, scale)).join("  ")}`,
    );
    if (deterministic)
      fact("noise", "none: every run gave the same value", "one run decides about a candidate");
    else {
      const share = mean === 0 ? "" : `, ${percent(sigma / mean)} of the value`;
      fact("noise", `σ ${quantity(sigma, scale)} for one run${share}`);
    }
    for (const guard of check.guards) {
      const bounds = [
        ...(guard.min === undefined ? [] : [`at least ${plainNumber(guard.min)}`]),
        ...(guard.max === undefined ? [] : [`at most ${plainNumber(guard.max)}`]),
        ...(guard.relative ? ["no worse than the best so far"] : []),
      ].join(", ");
      fact("guard", `${oneLine(guard.name)} ${plainNumber(guard.mean)} (${bounds})`);
    }
    for (const stage of check.stages)
      fact("stage", `${oneLine(stage.name)} ${quantity(stage.mean, scale)} in ${duration(stage.ms)}`);
    if (check.holdoutMeasured) fact("holdout", "measured; what it says stays hidden");
    if (check.detectable !== null) {
      const share = Number.isFinite(check.detectable.relative)
        ? ` (${percent(check.detectable.relative)})`
        : "";
      fact(
        "detects",
        `improvements of ${quantity(check.detectable.value, scale)}${share} or more`,
        "found in 4 of 5 cases; the smaller, the more often missed",
      );
    }
  }
  if (check.costMs !== null) {
    const runs =
      check.runsPerCandidate === null
        ? ""
        : `, about ${check.runsPerCandidate.toFixed(1)} runs for a candidate`;
    const night =
      check.perNight === null
        ? ""
        : `about ${plural(roundly(check.perNight), "experiment")} in a night of 8 hours`;
    fact("cost", `${duration(check.costMs)} for one run${runs}`, night);
  }
  if (check.channel !== null)
    fact("metric channel", channelName(check.channel, check.metric), channelWords[check.channel]);
  if (check.isolation !== null) {
    const { notEnforced, watched } = check.isolation;
    const more = [
      ...(notEnforced.length === 0 ? [] : [`not enforced: ${notEnforced.join(", ")}`]),
      ...(watched.length === 0 ? [] : [`watched by polling: ${watched.join(", ")}`]),
    ].join("; ");
    fact("isolation", isolationName(check.isolation), more);
  }
  for (const [index, { grant, opens }] of check.grants.entries())
    fact(index === 0 ? "grants" : "", oneLine(grant), oneLine(opens));
  if (check.inputs !== null) {
    const { files, readBytes, readFiles } = check.inputs;
    fact(
      "inputs",
      `${bytes(check.inputs.bytes)} in ${plural(files, "file")} pinned by content`,
      readFiles === 0
        ? "0 read again: size, times, number and device of each file are as they were when it was read"
        : `${plural(readFiles, "file")} read (${bytes(readBytes)}), once: later starts read only what was touched`,
    );
  }
  const machine = check.machine && check.metric && machineWords(check.machine, check.metric);
  if (machine !== null) fact("machine", machine.fact, machine.advice);
  if (check.probe !== null) {
    const won = check.probe.results.filter(({ outcome }) => outcome === "better");
    const tally = Map.groupBy(check.probe.results, ({ outcome }) => outcome);
    fact(
      "probe",
      won.length === 0
        ? `none of ${plural(check.probe.results.length, "canary", "canaries")} scores better than the baseline`
        : `${plural(won.length, "canary scores", "canaries score")} better than the baseline`,
      [...tally]
        .map(([outcome, all]) => `${outcome}: ${all.map(({ canary }) => canary).join(", ")}`)
        .join("; "),
    );
    const indented = (text: string, mark: string) =>
      out.push(
        ...wrap(text, width - 18).map((line, i) => `${" ".repeat(16)}${i === 0 ? mark : " "} ${line}`),
      );
    const against = check.metric &&
      check.baseline && { metric: check.metric, mean: check.baseline.mean, values: check.baseline.values };
    // What helps is often the same for all of them: it is said once.
    for (const [advice, same] of Map.groupBy(won, ({ message }) => message)) {
      for (const canary of same) indented(canaryWords(canary, against), paint.red("✗"));
      indented(advice, paint.cyan("→"));
    }
    if (won.length > 0) indented("their files are in .whetstone/canaries", " ");
  }
  if (check.grade !== null) {
    const colour = { A: paint.green, B: paint.green, C: paint.yellow, D: paint.red }[check.grade.letter];
    out.push(`${paint.dim(left("trust grade", 14))}  ${paint.bold(colour(check.grade.letter))}`);
    for (const reason of check.grade.reasons)
      out.push(
        ...wrap(reason, width - 18).map((line, i) => `${" ".repeat(16)}${i === 0 ? "- " : "  "}${line}`),
      );
  }
  if (check.warnings.length > 0) out.push("");
  for (const warning of check.warnings)
    out.push(...wrap(warning, width - 2).map((line, i) => `${i === 0 ? paint.yellow("!") : " "} ${line}`));
  const cheated = check.probe?.results.some(({ outcome }) => outcome === "better") ?? false;
  const ready = errors === 0 && check.failure === null && check.checks.every(({ passed }) => passed);
  while (out.at(-1) === "") out.pop();
  out.push(
    "",
    ready && cheated
      ? `${paint.cyan("Next:")} mend the evaluator as said at → above, then \`whet check --probe\`: a candidate could win like that`
      : ready && check.grade?.letter === "D"
        ? `${paint.cyan("Next:")} mend what lowers the grade: what \`whet run\` kept now could not be trusted`
        : ready
          ? `${paint.cyan("Next:")} \`whet run\``
          : `${paint.cyan("Next:")} mend what is marked ✗, then \`whet check\` again`,
  );
  return `${out.join("\n")}\n`;
}
