import { z } from "zod";
import { oneLine } from "../../base/index.ts";
import { eventAt, type Ledger } from "../../ledger/index.ts";
import { openRedactor } from "../../redaction/index.ts";
import type { TraceEvent } from "../../trace.ts";
import type { Counts, EventId } from "./count.ts";

/** A sentence that was dropped, and why. */
export interface Dropped {
  text: string;
  why: string;
}

/** What the model may cite: each finding in words with the events that show it. */
export interface Evidence {
  /** For the model to read. */
  text: string;
  findings: ReadonlyMap<string, { words: string; events: ReadonlySet<EventId> }>;
  events: ReadonlyMap<EventId, TraceEvent>;
}

/** The form of a sentence that cites. */
export const cited = z.object({
  text: z.string().min(1).max(1500),
  finding: z.string().default(""),
  events: z.array(z.string()).default([]),
});
export type Cited = z.output<typeof cited>;

/**
 * Puts the findings into words for a model, with the events that show them.
 *
 * @param clean takes out what no model may see, of whole texts, before they are cut. Default: secrets and home folders.
 */
export async function evidenceOf(
  ledger: Ledger,
  counts: Counts,
  clean: (text: string) => string = openRedactor(),
): Promise<Evidence> {
  const findings = new Map<string, { words: string; events: ReadonlySet<EventId> }>();
  const add = (id: string, words: string, events: readonly EventId[]) =>
    findings.set(id, { words, events: new Set(events) });
  for (const each of counts.contrasts)
    add(
      each.id,
      `contrast: ${each.calls.join(" -> ")}: in ${each.successWith} of ${each.successWith + each.successWithout} successful and ${each.failureWith} of ${each.failureWith + each.failureWithout} failed runs of the same ${each.tasks} task(s); exact p ${each.p.toPrecision(2)}, for all that was looked at ${each.adjusted.toPrecision(2)}`,
      each.events,
    );
  for (const each of counts.missed)
    add(
      each.id,
      `missed criterion (${each.family}): ${each.criterion}: missed in ${each.missed} of ${each.goals} goals${each.mended > 0 ? `, ${each.mended} of which met it in a later iteration, after what the evaluation had said` : ""}${each.suggestions.length > 0 ? `; the evaluation suggests: ${each.suggestions.join(" | ")}` : ""}${each.said.length > 0 ? `; it said: ${each.said.map(oneLine).join(" | ")}` : ""}`,
      each.events,
    );
  for (const each of counts.recoveries)
    add(
      each.id,
      `after an error: ${each.call} failed with "${each.error}", then ${each.next}: recovered in ${each.recovered} of ${each.times}, in ${each.runs} runs`,
      each.events,
    );
  for (const each of counts.sequences)
    add(
      each.id,
      `sequence: ${each.calls.join(" -> ")}: ${each.times} times in ${each.runs} of ${counts.runs} runs`,
      each.events,
    );
  for (const each of counts.waste)
    add(each.id, `${each.why} calls: ${each.call}: ${each.times} times in ${each.runs} runs`, each.events);

  const events = new Map<EventId, TraceEvent>();
  const parts = [
    `${counts.runs} runs (${counts.succeeded} succeeded, ${counts.failed} failed) of ${counts.families.join(", ")}; ${counts.calls} calls, ${counts.wasted} of them failed, repeated or unused.`,
    `Time and tokens by kind of call: ${counts.steps
      .slice(0, 10)
      .map(
        ({ call, times, failed, ms, tokens }) =>
          `${call} x${times}${failed > 0 ? ` (${failed} failed)` : ""}${ms === null ? "" : ` ${Math.round(ms)} ms`}${tokens === null ? "" : ` ${Math.round(tokens)} tokens`}`,
      )
      .join("; ")}.`,
  ];
  for (const [id, { words, events: ids }] of findings) {
    const lines = [`${id}: ${clean(words)}`];
    for (const event of ids) {
      const known = events.get(event);
      const found = known ?? (await eventById(ledger, event));
      if (found === null) continue;
      events.set(event, found);
      lines.push(`  [${event}] ${known ? "(above)" : eventWords(found, clean)}`);
    }
    parts.push(lines.join("\n"));
  }
  return { text: parts.join("\n\n"), findings, events };
}

async function eventById(ledger: Ledger, id: EventId): Promise<TraceEvent | null> {
  const [turn = Number.NaN, position = Number.NaN] = id.split(":").map(Number);
  return Number.isInteger(turn) && Number.isInteger(position) ? eventAt(ledger, turn, position) : null;
}

/** Characters of an event that are looked at at all. */
const mostCleaned = 20_000;

/** One event in one line. */
function eventWords(event: TraceEvent, clean: (text: string) => string): string {
  const cut = (text: string | null, most = 300) => {
    // A secret of which half is cut off is not known for one any more.
    const line = oneLine(clean((text ?? "").slice(0, mostCleaned)));
    return line.length > most ? `${line.slice(0, most)}…` : line;
  };
  if (event.type === "call") return `call ${event.tool} ${cut(event.args)}`;
  if (event.type === "result")
    return event.ok ? `result: ${cut(event.output)}` : `failed: ${cut(event.error ?? event.output)}`;
  if (event.type === "message") return `${event.role}: ${cut(event.text, 600)}`;
  if (event.type === "final") return `end${event.ok ? "" : " (failed)"}: ${cut(event.text, 600)}`;
  return cut(JSON.stringify(event));
}
