import type { Trial } from "../../ledger/index.ts";
import type { TraceEvent, Usage } from "../../trace.ts";
import { callCollector, wasteOf } from "../analyze/index.ts";
import { costOf } from "../test/limits.ts";

/** A turn of an agent, as far as a trial is measured by it. */
export interface MeasuredTurn {
  /** Null for a turn of plain words; with its position in the order of turns. */
  events: readonly TraceEvent[];
  usage: Usage;
}

/**
 * What one run of a goal came to.
 *
 * @param run.turns of its tasks, in order: their calls are counted.
 * @param run.overhead usage of turns that planned; what the judge costs is no part of a trial.
 */
export function trialOf(run: {
  score: number | null;
  met: boolean;
  turns: readonly MeasuredTurn[];
  overhead?: readonly Usage[];
  wallMs: number;
  loaded: boolean;
  rewrote?: readonly string[];
  isolation?: string;
  channels?: Trial["channels"];
}): Trial {
  const calls = run.turns.flatMap(({ events }, turn) => {
    const collector = callCollector(turn);
    for (const [position, event] of events.entries()) collector.take(position, event);
    return collector.calls;
  });
  const errors = calls.filter(({ ok }) => ok === false).length;
  const costs = [...run.turns.map(({ usage }) => usage), ...(run.overhead ?? [])].map(costOf);
  const sum = (values: readonly (number | null)[]) =>
    values.reduce<number | null>((a, b) => (a === null || b === null ? null : a + b), 0);
  return {
    score: run.score,
    toolCalls: calls.length,
    usefulCalls: wasteOf(calls).filter((waste) => waste === null).length,
    errors,
    recovered: run.met ? errors : 0,
    wallMs: run.wallMs,
    tokens: costs.length === 0 ? null : sum(costs.map(({ tokens }) => tokens)),
    dollars: costs.length === 0 ? null : sum(costs.map(({ dollars }) => dollars)),
    loaded: run.loaded,
    ...(run.rewrote && run.rewrote.length > 0 ? { rewrote: [...new Set(run.rewrote)] } : {}),
    ...(run.isolation === undefined ? {} : { isolation: run.isolation }),
    ...(run.channels === undefined ? {} : { channels: run.channels }),
  };
}
