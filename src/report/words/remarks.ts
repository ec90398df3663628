import type { ArmCost, Notebook } from "../../notebook/index.ts";
import { duration, effect, effectInterval, oneLine, percent, plural, type Scale, value } from "./format.ts";
import { costWords } from "./turn.ts";

/** What a person should know beside the headline. */
export interface Remark {
  /** A warning asks for something to be done or thought about; a fact only tells. */
  kind: "warning" | "fact";
  text: string;
}

/** Reviews that wait, alarms, rungs, arms and epochs of a session, in words; most sessions have none. */
export function remarks(notebook: Notebook, scale: Scale): Remark[] {
  const found: Remark[] = [];
  const warn = (text: string) => found.push({ kind: "warning", text });
  const tell = (text: string) => found.push({ kind: "fact", text });
  const { waiting, alarm, ladder, arms, epochs } = notebook;
  if (notebook.paused) warn("paused: no new experiment begins until `whet resume`");
  if (waiting.length > 0)
    warn(
      `${plural(waiting.length, "keep is", "keeps are")} in doubt and ${waiting.length === 1 ? "waits" : "wait"} for your review (${waiting.map((number) => `#${number}`).join(", ")}): \`whet review\``,
    );
  if (alarm !== null) warn(oneLine(alarm));
  for (const [index, { stage, runs, ms, transfer }] of ladder.entries()) {
    const total = ladder.reduce((sum, rung) => sum + rung.ms, 0);
    const above = ladder[index + 1]?.stage;
    const share = total > 0 ? `, ${percent(ms / total)} of the time` : "";
    const went =
      transfer === null || above === undefined
        ? ""
        : `; of ${plural(transfer.climbed, "candidate")} that climbed, ${transfer.better} were better on ${oneLine(above)} too (rank correlation ${transfer.rank.toFixed(2)})`;
    tell(`stage ${oneLine(stage)}: ${plural(runs, "run")}, ${duration(ms)}${share}${went}`);
  }
  if (arms.length > 1 || arms.some(({ cost }) => cost !== undefined))
    for (const arm of arms) {
      const hours = arm.ms / 3_600_000;
      const rate = hours > 0 ? `, expected gain ${effect(arm.expectedGain / hours, scale)} an hour` : "";
      tell(
        `${oneLine(arm.researcher)}: ${plural(arm.experiments, "experiment")}, ${plural(arm.keeps, "keep")}, ${duration(arm.ms)} of evaluation${rate}${arm.cost ? `; ${spendingWords(arm.cost, scale)}` : ""}`,
      );
    }
  for (const epoch of epochs)
    tell(
      `epoch ${epoch.epoch}, session ${oneLine(epoch.tag)}: baseline ${epoch.baseline === null ? "not measured" : value(epoch.baseline, scale)}, ${
        epoch.audited === null
          ? "not audited"
          : `audited gain ${effect(epoch.audited.effect, scale)} ${effectInterval(epoch.audited.interval, scale)}`
      }`,
    );
  return found;
}

/** `12 turns (2 came to nothing), 12,345 tokens in, 678 out, $1.20, expected gain +0.01 a dollar`. */
function spendingWords(cost: ArmCost, scale: Scale): string {
  const { turns, fruitless, unknownTokens, unknownDollars, gainPerDollar } = cost;
  const silent = Math.max(unknownTokens, unknownDollars);
  return [
    `${plural(turns, "turn")}${fruitless > 0 ? ` (${fruitless} came to nothing)` : ""}`,
    costWords(cost),
    ...(silent > 0 ? [`${plural(silent, "turn")} not said in full`] : []),
    ...(gainPerDollar === null ? [] : [`expected gain ${effect(gainPerDollar, scale)} a dollar`]),
  ].join(", ");
}
