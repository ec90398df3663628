import type { Outcome, Standing, Tried } from "../../notebook/index.ts";
import { printable } from "../../printable.ts";
import {
  duration,
  effect,
  effectInterval,
  oneLine,
  plural,
  quantity,
  type Scale,
  scaleOf,
  shorten,
} from "../words/format.ts";

/** Bytes of an answer to an agent: its context is dear. */
export const answerLimit = 4096;

/** The answer to one try, for an agent to read: at most 4 KiB of UTF-8. */
export function triedText(tried: Tried): string {
  return fitted(tried, (short) => `${lines(short).join("\n")}\n`);
}

/** The same as data, at most 4 KiB as JSON text. */
export function triedJson(tried: Tried): string {
  return fitted(tried, (short) => `${JSON.stringify(short)}\n`);
}

/** Long texts are cut harder and harder until the answer fits; the log first, whose end says most. */
function fitted(tried: Tried, words: (short: Tried) => string): string {
  for (const [log, text, count] of [
    [1500, 400, 5],
    [700, 240, 3],
    [200, 100, 1],
    [0, 40, 1],
  ] as const) {
    const answer = words(shortened(tried, { log, text, count }));
    if (Buffer.byteLength(answer) <= answerLimit) return answer;
  }
  return words(shortened(tried, { log: 0, text: 1, count: 0 }));
}

interface Room {
  /** Characters of the log's end. */
  log: number;
  /** Characters of every other text. */
  text: number;
  /** Violations named. */
  count: number;
}

function shortened(tried: Tried, room: Room): Tried {
  const text = (given: string) => shorten(oneLine(given), room.text);
  const outcome = (given: Outcome): Outcome => ({
    ...given,
    what: text(given.what),
    reason: text(given.reason),
    doubt: given.doubt === null ? null : text(given.doubt),
    logTail: given.logTail === null || room.log === 0 ? null : logEnd(given.logTail, room.log),
    violations: given.violations
      .slice(0, room.count)
      .map(({ path, detail }) => ({ path: text(path), detail: text(detail) })),
    // A path that is cut leads nowhere.
    setAside: room.text < 100 ? null : given.setAside,
  });
  const standing: Standing = {
    ...tried.standing,
    limit: tried.standing.limit === null ? null : text(tried.standing.limit),
    words: room.count === 0 ? [] : tried.standing.words.slice(-room.count).map(text),
  };
  const finished = tried.finished === null ? null : { ...outcome(tried.finished), logTail: null };
  if (tried.kind === "decided") return { ...tried, standing, outcome: outcome(tried.outcome), finished };
  if (tried.kind === "known")
    return { ...tried, standing, outcome: tried.outcome && outcome(tried.outcome), finished };
  return { ...tried, standing, finished };
}

function logEnd(log: string, limit: number): string {
  const clean = printable(log).trimEnd();
  return clean.length <= limit ? clean : `…${clean.slice(-(limit - 1)).toWellFormed()}`;
}

function lines(tried: Tried): string[] {
  const { standing } = tried;
  const { metric, sigma, baseline, best } = standing;
  const shown = [
    baseline,
    best.value,
    ...("outcome" in tried && tried.outcome ? [tried.outcome.value ?? baseline] : []),
  ];
  const scale = scaleOf(metric, sigma, shown);
  const finished = tried.finished
    ? [`Finished first, it had been interrupted: ${headline(tried.finished, scale)}`, ""]
    : [];
  return [...finished, ...answer(tried, scale), "", ...standingLines(standing, scale)];
}

function answer(tried: Tried, scale: Scale): string[] {
  switch (tried.kind) {
    case "decided":
      return [
        ...outcomeLines(tried.outcome, scale),
        `The workspace is ${tried.outcome.decision === "keep" ? "on this new best state" : "back on the best state"}. Say what follows: whet learn ${tried.outcome.number} --confirmed|--refuted "..."`,
      ];
    case "known":
      return [
        tried.outcome
          ? `Not measured: these are the files of experiment ${tried.outcome.number}. It came out so:`
          : `Not measured: these files were looked at in session ${tried.tag} already, or are the untouched base.`,
        ...(tried.outcome ? [headline(tried.outcome, scale)] : []),
        "The workspace is as you left it: change something else, or `whet start` puts it on the best state.",
      ];
    case "unchanged":
      return [
        "Nothing to try: no editable file in the workspace differs from the best state.",
        `Edit there: ${tried.standing.workspace}`,
      ];
    case "limit":
      return [`Not measured: ${tried.standing.limit ?? "the session may not go on"}.`];
  }
}

function headline({ number, decision, what, reason, effect: gain, interval }: Outcome, scale: Scale): string {
  const measured =
    gain === null ? "" : ` ${effect(gain, scale)}${interval ? ` [${effectInterval(interval, scale)}]` : ""}`;
  return `#${number} ${decision}${measured}: ${what} (${reason})`;
}

function outcomeLines(outcome: Outcome, scale: Scale): string[] {
  const { number, decision, what, effect: gain, interval, value, reason, doubt, runs, wallMs } = outcome;
  return [
    `#${number} ${decision.toUpperCase()}  ${what}`,
    ...(gain === null
      ? []
      : [
          `effect   ${effect(gain, scale)} (+ is better)${interval ? `, 95 % interval ${effectInterval(interval, scale)}` : ""}`,
        ]),
    ...(value === null ? [] : [`value    ${quantity(value, scale)}`]),
    `reason   ${reason}`,
    ...(doubt === null ? [] : [`doubt    waits for a person's review: ${doubt}`]),
    `cost     ${plural(runs, "run")}, ${duration(wallMs)}`,
    ...outcome.violations.map(({ path, detail }) => `refused  ${path}: ${detail}`),
    ...(outcome.setAside === null ? [] : [`kept     your version of what was refused: ${outcome.setAside}`]),
    ...(outcome.logTail === null
      ? []
      : ["log's end:", ...outcome.logTail.split("\n").map((line) => `  ${line}`)]),
  ];
}

function standingLines(standing: Standing, scale: Scale): string[] {
  const { metric, best, baseline, experiments, keeps, left, limit, words, workspace } = standing;
  const limits = [
    ...(left.experiments === null ? [] : [plural(left.experiments, "experiment")]),
    ...(left.ms === null ? [] : [duration(left.ms)]),
    ...(left.holdoutLooks === null ? [] : [plural(left.holdoutLooks, "holdout look")]),
  ];
  return [
    ...words.map((word) => `a person says: ${word}`),
    `best     ${metric.name} ${quantity(best.value, scale)} (${best.experiment === 0 ? "the baseline" : `#${best.experiment}`}), baseline ${quantity(baseline, scale)}, ${metric.direction}`,
    `so far   ${plural(experiments, "experiment")}, ${keeps} kept; left: ${limits.length > 0 ? limits.join(", ") : "no limit set"}`,
    ...(limit === null
      ? [`edit in  ${workspace}`]
      : [`STOP     ${limit}. End with \`whet audit\`, which measures the headline.`]),
  ];
}

/** What `whet start` prints. */
export function startedText(standing: Standing, files: readonly string[]): string {
  const { metric, sigma, baseline, best } = standing;
  const scale = scaleOf(metric, sigma, [baseline, best.value]);
  return [
    ...standingLines(standing, scale),
    `may change: ${shorten(files.map(oneLine).join(", "), 300)}`,
    'then     whet try -m "what you changed" --because "why it should help"',
    "",
  ].join("\n");
}
