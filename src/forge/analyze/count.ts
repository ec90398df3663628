import {
  type CriterionRow,
  criteriaOf,
  eventsOf,
  type Ledger,
  leftOutRuns,
  type RunFilter,
  type RunTurn,
  runTurns,
} from "../../ledger/index.ts";
import { openRedactor } from "../../redaction/index.ts";
import { type Call, callCollector, wasteOf } from "./calls.ts";
import { exactTest, holm, type Stratum } from "./exact.ts";

/** A trace event by its turn and position: `12:4`. */
export type EventId = string;

/** What was counted of one thing, and where it can be seen: some of its events, at most {@link shown}. */
interface Finding {
  /** `s1`, `r1`, `w1`, `c1`, `o1`: for those who cite it. */
  id: string;
  events: EventId[];
}

/** Calls that follow each other again and again, in distinct runs. */
export interface Sequence extends Finding {
  calls: string[];
  /** Distinct runs; all occurrences. */
  runs: number;
  times: number;
}

/** A kind of failed call and what was done next. */
export interface Recovery extends Finding {
  call: string;
  error: string;
  /** The call that came next. */
  next: string;
  runs: number;
  times: number;
  /** How often a call of the failed kind then succeeded within the next {@link patience} calls. */
  recovered: number;
}

/** Calls of one kind that brought nothing. */
export interface Wasted extends Finding {
  call: string;
  why: "failed" | "repeated" | "unused";
  runs: number;
  times: number;
  /** Null: no call said. */
  ms: number | null;
  tokens: number | null;
}

/** What calls of one kind take. */
export interface StepCost {
  call: string;
  times: number;
  failed: number;
  /** Means, over those that say. */
  ms: number | null;
  tokens: number | null;
}

/** Calls (one kind, or a sequence) that successful and failed runs of the same tasks differ in. */
export interface Contrast extends Finding {
  calls: string[];
  /** Tasks with successful and failed runs, over which was counted. */
  tasks: number;
  successWith: number;
  successWithout: number;
  failureWith: number;
  failureWithout: number;
  /** Exact, two-sided, within tasks; and for having looked at so many (Holm). */
  p: number;
  adjusted: number;
}

/** A criterion of goals that was missed, at first or for good. */
export interface Missed extends Finding {
  criterion: string;
  family: string;
  goals: number;
  /** Goals that missed it in some iteration, and those of them whose best iteration met it. */
  missed: number;
  mended: number;
  suggestions: string[];
  /** What evaluations said was wrong, of different goals. */
  said: string[];
}

/** What the traces hold, counted without any model. */
export interface Counts {
  turns: number;
  runs: number;
  /** Runs of goals that tests are made of: what tests must not teach. */
  leftOut: number;
  succeeded: number;
  failed: number;
  calls: number;
  wasted: number;
  /** Sum over turns that say; null: none does. */
  tokens: number | null;
  ms: number;
  families: string[];
  agents: string[];
  /** Names of the tools that were called. */
  tools: string[];
  /** Goals that the traces are of. */
  goals: number[];
  sequences: Sequence[];
  recoveries: Recovery[];
  waste: Wasted[];
  steps: StepCost[];
  contrasts: Contrast[];
  missed: Missed[];
}

export interface CountOptions extends RunFilter {
  /** Distinct runs that a finding must be seen in. Default 3. */
  recurrence?: number;
  /** Calls of a sequence at most. Default 5. */
  longest?: number;
  /** Findings of each kind at most. Default 20. */
  most?: number;
  signal?: AbortSignal;
}

/** Events that a finding shows. */
const shown = 8;
/** Characters of what an evaluation said. */
const mostSaid = 600;
/** Calls within which a failed one must succeed to count as recovered. */
const patience = 6;

/** A run while it is read: numbers only, so that a ledger of millions of calls fits. */
interface Run extends Pick<RunTurn, "task" | "success" | "family" | "goalId"> {
  shapes: number[];
  /** Turn and position of each call. */
  turns: number[];
  positions: number[];
  lastEvent: EventId | null;
}

/**
 * Counts what recurs in the traces of a ledger. They are read once, page by page; of each call a few numbers are kept,
 * never its text. What is counted is exact; only the events shown are a choice (the first ones, of distinct runs).
 */
export async function countTraces(ledger: Ledger, options: CountOptions = {}): Promise<Counts> {
  const { recurrence = 3, longest = 5, most = 20, signal } = options;
  const shapes = new Names();
  const runs = new Map<string, Run>();
  const agents = new Set<string>();
  const tools = new Set<string>();
  const steps = new Map<number, { times: number; failed: number; ms: Mean; tokens: Mean }>();
  const wasted = new Map<string, Wasted & { seen: Set<string> }>();
  const recoveries = new Map<string, Recovery & { seen: Set<string> }>();
  let [turns, calls, brought, ms] = [0, 0, 0, 0];
  let tokens: number | null = null;

  let pending: { key: string; calls: Call[] } = { key: "", calls: [] };
  // Turns of one run may be far apart: what is repeated or recovered is looked for within each stretch of its turns.
  const settle = () => {
    const { key, calls: own } = pending;
    for (const [index, why] of wasteOf(own).entries()) {
      const call = own[index] as Call;
      if (why === null) {
        brought++;
        continue;
      }
      const name = `${why} ${call.shape}`;
      const entry = wasted.get(name) ?? {
        ...{ id: "", events: [], call: call.shape, why, runs: 0, times: 0, ms: null, tokens: null },
        seen: new Set<string>(),
      };
      wasted.set(name, entry);
      entry.times++;
      entry.ms = sum(entry.ms, call.ms);
      entry.tokens = sum(entry.tokens, call.tokens);
      note(
        entry,
        key,
        [call.answered ?? call.position].map((at) => `${call.turn}:${at}`),
      );
    }
    for (const [index, call] of own.entries()) {
      const next = own[index + 1];
      if (call.error === null || !next) continue;
      const back = own
        .slice(index + 1, index + 1 + patience)
        .find((later) => later.ok === true && (later.shape === call.shape || later.hash === call.hash));
      const name = `${call.shape}\0${call.error}\0${next.shape}`;
      const entry = recoveries.get(name) ?? {
        ...{ id: "", events: [], call: call.shape, error: call.error, next: next.shape },
        ...{ runs: 0, times: 0, recovered: 0, seen: new Set<string>() },
      };
      recoveries.set(name, entry);
      entry.times++;
      if (back) entry.recovered++;
      note(entry, key, [
        `${call.turn}:${call.position}`,
        `${call.turn}:${call.answered}`,
        `${next.turn}:${next.position}`,
        ...(back?.answered ? [`${back.turn}:${back.answered}`] : []),
      ]);
    }
    pending = { key: "", calls: [] };
  };

  for await (const turn of runTurns(ledger, options)) {
    signal?.throwIfAborted();
    turns++;
    ms += turn.wallMs;
    tokens = sum(tokens, turn.tokens);
    agents.add(turn.agent);
    const collector = callCollector(turn.turnId);
    let last: EventId | null = null;
    for await (const { position, event } of eventsOf(ledger, turn.turnId)) {
      collector.take(position, event);
      if (event.type === "final" || event.type === "message") last = `${turn.turnId}:${position}`;
    }
    const run: Run = runs.get(turn.run) ?? {
      ...{ task: turn.task, success: turn.success, family: turn.family, goalId: turn.goalId },
      ...{ shapes: [], turns: [], positions: [], lastEvent: null },
    };
    runs.set(turn.run, run);
    run.lastEvent = last ?? run.lastEvent;
    if (pending.key !== turn.run) settle();
    pending.key = turn.run;
    for (const call of collector.calls) {
      calls++;
      tools.add(call.tool);
      const shape = shapes.number(call.shape);
      run.shapes.push(shape);
      run.turns.push(call.turn);
      run.positions.push(call.position);
      const step = steps.get(shape) ?? { times: 0, failed: 0, ms: new Mean(), tokens: new Mean() };
      steps.set(shape, step);
      step.times++;
      if (call.ok === false) step.failed++;
      step.ms.add(call.ms);
      step.tokens.add(call.tokens);
      pending.calls.push(call);
    }
  }
  settle();

  const all = [...runs.values()];
  const goals = [...new Set(all.flatMap(({ goalId }) => (goalId === null ? [] : [goalId])))];
  const frequent = frequentSequences(all, recurrence, longest);
  const { contrasts } = contrastsOf(all, frequent, shapes, recurrence);
  return {
    leftOut: await leftOutRuns(ledger, options),
    ...{ turns, runs: all.length, calls, wasted: calls - brought, tokens, ms, goals },
    succeeded: all.filter(({ success }) => success === true).length,
    failed: all.filter(({ success }) => success === false).length,
    families: [...new Set(all.map(({ family }) => family))].sort(),
    agents: [...agents].sort(),
    tools: [...tools].sort(),
    sequences: numbered("s", sequencesOf(all, frequent, shapes).slice(0, most)),
    recoveries: numbered("r", ranked(recoveries, recurrence).slice(0, most)),
    waste: numbered("w", ranked(wasted, recurrence).slice(0, most)),
    steps: [...steps]
      .map(([shape, { times, failed, ms: each, tokens: used }]) => ({
        ...{ call: shapes.name(shape), times, failed, ms: each.value, tokens: used.value },
      }))
      .sort((a, b) => b.times - a.times)
      .slice(0, most),
    contrasts: numbered("c", contrasts.slice(0, most)),
    missed: numbered("o", (await missedOf(ledger, goals, all, recurrence)).slice(0, most)),
  };
}

/** Names as numbers, and back. */
class Names {
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = [];
  number(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    this.#numbers.set(name, this.#names.length);
    this.#names.push(name);
    return this.#names.length - 1;
  }
  name(number: number): string {
    return this.#names[number] as string;
  }
}

class Mean {
  #sum = 0;
  #count = 0;
  add(value: number | null): void {
    if (value === null) return;
    this.#sum += value;
    this.#count++;
  }
  get value(): number | null {
    return this.#count === 0 ? null : this.#sum / this.#count;
  }
}

function sum(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : a + b;
}

/** Notes one occurrence: counts the run once, and shows events of the first few distinct ones. */
function note(entry: Finding & { runs: number; seen: Set<string> }, run: string, events: EventId[]): void {
  const fresh = !entry.seen.has(run);
  if (fresh) {
    entry.seen.add(run);
    entry.runs++;
  }
  if ((fresh || entry.events.length === 0) && entry.events.length + events.length <= shown)
    entry.events.push(...events);
}

function ranked<T extends { runs: number; times: number; seen: Set<string> }>(
  entries: ReadonlyMap<string, T>,
  recurrence: number,
): Omit<T, "seen">[] {
  return [...entries.values()]
    .filter(({ runs }) => runs >= recurrence)
    .sort((a, b) => b.runs - a.runs || b.times - a.times)
    .map(({ seen: _seen, ...entry }) => entry);
}

function numbered<T extends object>(letter: string, findings: readonly T[]): (T & { id: string })[] {
  return findings.map((finding, index) => ({ ...finding, id: `${letter}${index + 1}` }));
}

/** A sequence of shapes with the runs (by index) that hold it. */
interface Frequent {
  shapes: number[];
  runs: number[];
  times: number;
}

/**
 * All contiguous sequences of one to `longest` calls that at least `recurrence` runs hold. Level by level: a sequence can
 * only be frequent when both its parts are, so rare ones are never stored.
 */
function frequentSequences(all: readonly Run[], recurrence: number, longest: number): Frequent[] {
  const result: Frequent[] = [];
  let before: ReadonlySet<string> | null = null;
  for (let length = 1; length <= longest; length++) {
    const level = new Map<string, Frequent>();
    for (const [index, { shapes }] of all.entries())
      for (let at = 0; at + length <= shapes.length; at++) {
        const part = shapes.slice(at, at + length);
        if (
          before !== null &&
          !(before.has(part.slice(1).join(" ")) && before.has(part.slice(0, -1).join(" ")))
        )
          continue;
        const key = part.join(" ");
        const entry = level.get(key) ?? { shapes: part, runs: [], times: 0 };
        level.set(key, entry);
        entry.times++;
        if (entry.runs.at(-1) !== index) entry.runs.push(index);
      }
    for (const [key, { runs }] of level) if (runs.length < recurrence) level.delete(key);
    if (level.size === 0) break;
    result.push(...level.values());
    before = new Set(level.keys());
  }
  return result;
}

/** Sequences of two calls and more; none that a longer one with the same support says as well. */
function sequencesOf(
  all: readonly Run[],
  frequent: readonly Frequent[],
  names: Names,
): Omit<Sequence, "id">[] {
  const longer = new Map<string, number>();
  for (const { shapes, runs } of frequent)
    if (shapes.length > 2)
      for (const part of [shapes.slice(1), shapes.slice(0, -1)]) {
        const key = part.join(" ");
        longer.set(key, Math.max(longer.get(key) ?? 0, runs.length));
      }
  return frequent
    .filter(({ shapes, runs }) => shapes.length > 1 && (longer.get(shapes.join(" ")) ?? 0) < runs.length)
    .sort((a, b) => b.runs.length * b.shapes.length - a.runs.length * a.shapes.length || b.times - a.times)
    .map(({ shapes, runs, times }) => ({
      ...{ calls: shapes.map((shape) => names.name(shape)), runs: runs.length, times },
      events: eventsIn(all, runs, shapes),
    }));
}

/** Where runs hold a sequence: the events of its first occurrence in each of the first runs. */
function eventsIn(all: readonly Run[], runs: readonly number[], shapes: readonly number[]): EventId[] {
  const events: EventId[] = [];
  for (const index of runs) {
    const run = all[index] as Run;
    const at = run.shapes.findIndex((_, start) =>
      shapes.every((shape, offset) => run.shapes[start + offset] === shape),
    );
    if (at === -1) continue;
    if (events.length > 0 && events.length + shapes.length > shown) break;
    for (let offset = 0; offset < shapes.length; offset++)
      events.push(`${run.turns[at + offset]}:${run.positions[at + offset]}`);
  }
  return events;
}

function contrastsOf(
  all: readonly Run[],
  frequent: readonly Frequent[],
  names: Names,
  recurrence: number,
): { contrasts: Omit<Contrast, "id">[] } {
  const byTask = new Map<string, { successes: Set<number>; failures: Set<number> }>();
  for (const [index, { task, success }] of all.entries()) {
    if (task === null || success === null) continue;
    const group = byTask.get(task) ?? { successes: new Set(), failures: new Set() };
    byTask.set(task, group);
    (success ? group.successes : group.failures).add(index);
  }
  const tasks = [...byTask.values()].filter(
    ({ successes, failures }) => successes.size > 0 && failures.size > 0,
  );
  if (tasks.length === 0) return { contrasts: [] };
  // The same runs hold several sequences: they are one question, asked once, and the longest says most.
  const questions = new Map<string, { holder: Frequent; strata: Stratum[] }>();
  for (const holder of [...frequent].sort((a, b) => a.shapes.length - b.shapes.length)) {
    const having = new Set(holder.runs);
    const strata = tasks.map(({ successes, failures }) => {
      const successWith = [...successes].filter((index) => having.has(index)).length;
      const failureWith = [...failures].filter((index) => having.has(index)).length;
      return {
        ...{ successWith, successWithout: successes.size - successWith },
        ...{ failureWith, failureWithout: failures.size - failureWith },
      };
    });
    if (strata.reduce((count, each) => count + each.successWith + each.failureWith, 0) < recurrence) continue;
    if (strata.every((each) => each.successWithout + each.failureWithout === 0)) continue;
    questions.set(holder.runs.join(" "), { holder, strata });
  }
  const asked = [...questions.values()];
  const ps = asked.map(({ strata }) => exactTest(strata));
  const adjusted = holm(ps);
  return {
    contrasts: asked
      .map(({ holder, strata }, index) => {
        const total = (part: keyof Stratum) => strata.reduce((count, each) => count + each[part], 0);
        return {
          calls: holder.shapes.map((shape) => names.name(shape)),
          tasks: tasks.length,
          ...{ successWith: total("successWith"), successWithout: total("successWithout") },
          ...{ failureWith: total("failureWith"), failureWithout: total("failureWithout") },
          ...{ p: ps[index] as number, adjusted: adjusted[index] as number },
          events: eventsIn(all, holder.runs, holder.shapes),
        };
      })
      // What chance alone would show among so many looks is no finding.
      .filter(({ adjusted: own }) => own < 0.2)
      .sort((a, b) => a.p - b.p || b.calls.length - a.calls.length),
  };
}

async function missedOf(
  ledger: Ledger,
  goals: readonly number[],
  all: readonly Run[],
  recurrence: number,
): Promise<Omit<Missed, "id">[]> {
  const runOf = new Map(all.map((run) => [run.goalId, run]));
  const found = new Map<string, Omit<Missed, "id">>();
  const rows = await criteriaOf(ledger, goals);
  for (const each of Map.groupBy(rows, ({ goalId, criterion }) => `${goalId}\0${criterion}`).values()) {
    const [{ goalId, criterion }] = each as [CriterionRow];
    const run = runOf.get(goalId);
    if (!run) continue;
    const key = `${run.family}\0${criterion}`;
    const entry = found.get(key) ?? {
      ...{ criterion, family: run.family, goals: 0, missed: 0, mended: 0 },
      ...{ suggestions: [], said: [], events: [] },
    };
    found.set(key, entry);
    entry.goals++;
    const first = each.find(({ score }) => score < 100);
    if (!first) continue;
    entry.missed++;
    if (each.some(({ best, score }) => best && score >= 100)) entry.mended++;
    for (const text of [...first.missed, ...first.suggestions])
      if (entry.suggestions.length < 3 && !entry.suggestions.includes(text)) entry.suggestions.push(text);
    const said = openRedactor()(first.explanation).slice(0, mostSaid);
    if (said !== "" && entry.said.length < 3 && !entry.said.includes(said)) entry.said.push(said);
    if (run.lastEvent !== null && entry.events.length < shown) entry.events.push(run.lastEvent);
  }
  return [...found.values()].filter(({ missed }) => missed >= recurrence).sort((a, b) => b.missed - a.missed);
}
