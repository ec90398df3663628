import { createHash } from "node:crypto";
import type { TraceEvent } from "../../trace.ts";
import { changes, errorClass, shapeOf, wholeWrite } from "./shape.ts";

/** One call of a tool, as the counting sees it. */
export interface Call {
  /** Turn and position of the event. */
  turn: number;
  position: number;
  /** Position of its result; null: none came. */
  answered: number | null;
  tool: string;
  shape: string;
  /** Of tool and arguments, to find repetitions. */
  hash: string;
  changes: boolean;
  /** The file that it writes whole. */
  writes: string | null;
  ok: boolean | null;
  /** See `errorClass`; null: it did not fail. */
  error: string | null;
  ms: number | null;
  /** Its share of the model step that made it; null: not known. */
  tokens: number | null;
}

/**
 * Puts the events of one turn together to calls, as they come.
 *
 * A `usage` of one step is shared evenly among the calls since the one before; a running total has no step to share.
 */
export function callCollector(turn: number): {
  take(position: number, event: TraceEvent): void;
  calls: Call[];
} {
  const calls: Call[] = [];
  const open = new Map<string, Call>();
  let step: Call[] = [];
  return {
    calls,
    take(position, event) {
      if (event.type === "call") {
        const call: Call = {
          ...{ turn, position, answered: null, tool: event.tool, shape: shapeOf(event.tool, event.args) },
          hash: createHash("sha1").update(`${event.tool}\0${event.args}`).digest("base64").slice(0, 16),
          ...{ changes: changes(event.tool), writes: wholeWrite(event.tool, event.args) },
          ...{ ok: null, error: null, ms: null, tokens: null },
        };
        calls.push(call);
        open.set(event.id, call);
        step.push(call);
      } else if (event.type === "result") {
        const call = open.get(event.id);
        if (!call) return;
        open.delete(event.id);
        call.answered = position;
        call.ok = event.ok;
        call.ms = event.ms;
        if (!event.ok) call.error = errorClass(event.error ?? event.output ?? "");
      } else if (event.type === "usage" && event.scope === "step") {
        const tokens =
          event.input === null && event.output === null ? null : (event.input ?? 0) + (event.output ?? 0);
        if (tokens !== null) for (const call of step) call.tokens = (call.tokens ?? 0) + tokens / step.length;
        step = [];
      }
    },
  };
}

/** Why a call brought nothing; null: it was useful as far as can be seen. */
export type Waste = "failed" | "repeated" | "unused" | null;

/**
 * What each call of a run was worth. Failed: its result says so. Repeated: the very same call succeeded before, and
 * nothing else that may change something ran since. Unused: no result came, or a file was written whole that is written
 * whole again before anything could have read it.
 */
export function wasteOf(calls: readonly Call[]): Waste[] {
  const since = new Map<string, number>();
  let changed = -1;
  let changedBy = "";
  let changedBefore = -1;
  const waste: Waste[] = calls.map((call, index) => {
    const last = since.get(call.hash);
    // The last change by another call than this very one.
    const other = changedBy === call.hash ? changedBefore : changed;
    if (call.changes) {
      if (changedBy !== call.hash) changedBefore = changed;
      changed = index;
      changedBy = call.hash;
    }
    if (call.ok === false) return "failed";
    since.set(call.hash, index);
    if (last !== undefined && last > other) return "repeated";
    return call.answered === null ? "unused" : null;
  });
  for (const [index, call] of calls.entries()) {
    if (call.writes === null || waste[index] !== null) continue;
    const next = calls[index + 1];
    if (next?.writes === call.writes && next.ok !== false) waste[index] = "unused";
  }
  return waste;
}
