import type { Scene } from "./forgeDemo.ts";

/** What the demo says of each scene. Nothing in it depends on time or place, so that every replay says the same. */
export function storyteller(): (scene: Scene) => string {
  const trials: Tried[] = [];
  let goals = 0;
  return (scene) => {
    switch (scene.type) {
      case "goal":
        return `${goals++ === 0 ? heading("1. Goals", "An agent works; everything that it does is kept as a trace.") : ""}${goalWords(scene)}`;
      case "counts":
        return `${heading("2. What recurs", "Counted in the traces, without a model.")}${countWords(scene.counts)}`;
      case "trial":
        trials.push(scene.row);
        return "";
      case "outcome":
        return outcomeWords(scene.outcome, trials);
    }
  };
}

function heading(title: string, about: string): string {
  return `\n${title}\n   ${about}\n\n`;
}

function row(...cells: [string, ...string[]]): string {
  const widths = [13, 8, 6, 6, 7, 7, 0];
  return `   ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" ")}`.trimEnd();
}

function goalWords({ title, result }: Extract<Scene, { type: "goal" }>): string {
  const again =
    result.status === "met" && result.iterations > 1 ? ` in iteration ${result.bestIteration}` : "";
  return `   ${title.padEnd(24)} ${result.status}${again}, ${result.score ?? "no score"} of 100, ${result.tokens} tokens\n`;
}

function countWords({ runs, calls, wasted, sequences, recoveries, missed }: Counted): string {
  return [
    `   ${runs} runs, ${calls} calls, ${wasted} of them failed, repeated or unused`,
    ...sequences.map(
      ({ id, calls: each, runs: in_ }) => `   ${id}: ${each.join(" -> ")}, in ${in_} of ${runs} runs`,
    ),
    ...recoveries.map(
      ({ id, call, error, next, recovered, times }) =>
        `   ${id}: after ${call} failed with "${error}", ${next}: recovered in ${recovered} of ${times}`,
    ),
    ...missed.map(
      ({ id, criterion, missed: n, mended, goals }) =>
        `   ${id}: "${criterion}" missed in ${n} of ${goals} goals${mended > 0 ? `, and met in the end by ${mended} of them` : ""}`,
    ),
    "",
  ].join("\n");
}

type Tried = Extract<Scene, { type: "trial" }>["row"];
type Counted = Extract<Scene, { type: "counts" }>["counts"];

function outcomeWords(
  outcome: Extract<Scene, { type: "outcome" }>["outcome"],
  trials: readonly Tried[],
): string {
  if (outcome.kind === "nothing") return `\nNothing was forged: ${outcome.why}\n`;
  if (outcome.kind === "paused") return `\nThe test was interrupted: ${outcome.why}\n`;
  const { report, worded } = outcome;
  const { effect, loaded, cost, runs, outcome: verdict } = report.verdict;
  const signed = (value: number) => `${value < 0 ? "-" : "+"}${Math.abs(value).toFixed(1)}`;
  return [
    heading(
      "3. The candidate",
      "Put into words by the model; each sentence cites events (turn:position).",
    ).trimEnd(),
    "",
    `   ${report.skill}, version ${report.version}`,
    ...(worded?.candidate?.claims ?? []).map(({ claim, events }) => `   - ${claim} [${events.join(", ")}]`),
    ...(worded?.dropped ?? []).map(({ text, why }) => `   dropped, for ${why}: "${text}"`),
    heading(
      "4. The test",
      "Other goals than those that taught it, each without and with the candidate.",
    ).trimEnd(),
    "",
    row("goal", "arm", "score", "calls", "failed", "tokens", "skill"),
    ...trials.map(({ arm, task, trial }) =>
      row(
        ...([task, arm, `${trial.score ?? "none"}`] as const),
        ...([`${trial.toolCalls}`, `${trial.errors}`, `${trial.tokens ?? "?"}`] as const),
        trial.loaded ? "loaded" : arm === "without" ? "absent" : "not loaded",
      ),
    ),
    heading("5. The decision", "By the paired runs alone: no wording is scored.").trimEnd(),
    "",
    effect === null
      ? "   No effect could be measured."
      : `   With minus without: ${signed(effect.points)} points${effect.interval ? ` (${signed(effect.interval[0])} to ${signed(effect.interval[1])})` : ""}, ${effect.pairs} pairs on ${effect.tasks} goals, ${runs} runs`,
    `   The skill was there in ${percent(loaded.treatment)} of the runs with it, and in ${percent(loaded.control)} of those without`,
    ...(cost === null || cost.extra === null ? [] : [`   Cost: ${signed(100 * cost.extra)} % ${cost.unit}`]),
    ...(report.verdict.more === null ? [] : [`   More runs that would decide: ${report.verdict.more.runs}`]),
    "",
    `   ${verdict}: ${report.banding.band} (${report.banding.reason})`,
    "",
  ].join("\n");
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
