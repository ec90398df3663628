import type { TraceEvent, Usage } from "../trace.ts";
import type { Ledger } from "./ledger.ts";

/** A turn as an analysis of many sees it: which run it belongs to, and how that came out. */
export interface RunTurn {
  turnId: number;
  /** One attempt at one task: `goal 3`, `experiment 12`, `session 4 turn 8`, `claude turn 9`. */
  run: string;
  /** What runs of the same task share: a goal's hash, a lab's contract; null: nobody knows whether another is the same. */
  task: string | null;
  /** The goal was met, the experiment kept; null: not known. */
  success: boolean | null;
  /** A goal's family, `lab` or where it was imported from. */
  family: string;
  goalId: number | null;
  agent: string;
  model: string | null;
  tokens: number | null;
  wallMs: number;
}

export interface RunFilter {
  /** Only these goals. */
  goals?: readonly number[];
  family?: string;
  /** Only turns after this one, by id. */
  after?: number;
  /** Default: all three. */
  sources?: readonly ("goals" | "labs" | "imports")[];
}

/** Turns of one page. */
const pageSize = 500;

/**
 * Turns in which an agent worked, oldest first, a page at a time; neither prompts nor raw streams are read. Goals that
 * A/B tests are made of are left out, unless they are asked for by id: what tests must not teach.
 */
export async function* runTurns(ledger: Ledger, filter: RunFilter = {}): AsyncGenerator<RunTurn> {
  const { goals, family, sources = ["goals", "labs", "imports"] } = filter;
  for (let after = filter.after ?? 0; ; ) {
    let query = ledger.db
      .selectFrom("turns as t")
      .leftJoin("goals as g", "g.id", "t.goalId")
      .leftJoin("sessions as s", "s.id", "t.sessionId")
      .leftJoin("decisions as d", "d.experimentId", "t.experimentId")
      .select(["t.id", "t.sessionId", "t.experimentId", "t.source", "t.researcher", "t.model"])
      .select([
        "t.tokensIn",
        "t.tokensOut",
        "t.wallMs",
        "g.id as goalId",
        "g.goalHash",
        "g.family",
        "g.status",
      ])
      .select(["s.programHash", "d.kind as decision"])
      .where("t.id", ">", after)
      .where("t.purpose", "in", ["propose", "repair", "try", "task", "imported"])
      .orderBy("t.id")
      .limit(pageSize);
    if (goals) query = query.where("g.id", "in", goals);
    else
      query = query.where((eb) =>
        eb.or([
          eb("g.id", "is", null),
          eb(
            "g.goalHash",
            "not in",
            eb.selectFrom("goals as tested").select("tested.goalHash").where("tested.purpose", "=", "trial"),
          ),
        ]),
      );
    if (family !== undefined) query = query.where("g.family", "=", family);
    const rows = await query.execute();
    for (const row of rows) {
      const kind = row.goalId !== null ? "goals" : row.sessionId !== null ? "labs" : "imports";
      if (!sources.includes(kind)) continue;
      const tokens =
        row.tokensIn === null && row.tokensOut === null ? null : (row.tokensIn ?? 0) + (row.tokensOut ?? 0);
      yield {
        turnId: row.id,
        run:
          kind === "goals"
            ? `goal ${row.goalId}`
            : kind === "imports"
              ? `${row.source ?? "other"} turn ${row.id}`
              : row.experimentId !== null
                ? `experiment ${row.experimentId}`
                : `session ${row.sessionId} turn ${row.id}`,
        task: row.goalHash ?? row.programHash,
        success:
          kind === "goals"
            ? row.status === "met"
              ? true
              : row.status === "failed"
                ? false
                : null
            : kind === "labs"
              ? row.decision === null
                ? row.experimentId === null
                  ? false
                  : null
                : row.decision === "keep"
              : null,
        family: row.family ?? (kind === "labs" ? "lab" : (row.source ?? "imported")),
        goalId: row.goalId,
        agent: row.researcher,
        model: row.model,
        tokens,
        wallMs: row.wallMs,
      };
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageSize) return;
    after = last.id;
  }
}

/** How many goals that people had run {@link runTurns} leaves out, because tests are made of the same. */
export async function leftOutRuns(ledger: Ledger, { goals, family, sources }: RunFilter): Promise<number> {
  if (goals !== undefined || sources?.includes("goals") === false) return 0;
  let query = ledger.db
    .selectFrom("goals")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .where("purpose", "=", "goal")
    .where("goalHash", "in", (eb) =>
      eb.selectFrom("goals as tested").select("tested.goalHash").where("tested.purpose", "=", "trial"),
    );
  if (family !== undefined) query = query.where("family", "=", family);
  return Number((await query.executeTakeFirstOrThrow()).count);
}

/** Events of one page. */
const eventsAtOnce = 2000;

/** The trace of a turn with positions, a page at a time. */
export async function* eventsOf(
  ledger: Ledger,
  turnId: number,
): AsyncGenerator<{ position: number; event: TraceEvent }> {
  for (let after = -1; ; ) {
    const rows = await ledger.db
      .selectFrom("traceEvents")
      .select(["position", "at", "type", "data"])
      .where("turnId", "=", turnId)
      .where("position", ">", after)
      .orderBy("position")
      .limit(eventsAtOnce)
      .execute();
    for (const { position, at, type, data } of rows)
      yield { position, event: { at, type, ...(JSON.parse(data) as object) } as TraceEvent };
    const last = rows.at(-1);
    if (last === undefined || rows.length < eventsAtOnce) return;
    after = last.position;
  }
}

/** One event; null: there is none. */
export async function eventAt(ledger: Ledger, turnId: number, position: number): Promise<TraceEvent | null> {
  const row = await ledger.db
    .selectFrom("traceEvents")
    .select(["at", "type", "data"])
    .where("turnId", "=", turnId)
    .where("position", "=", position)
    .executeTakeFirst();
  return row ? ({ at: row.at, type: row.type, ...(JSON.parse(row.data) as object) } as TraceEvent) : null;
}

/** What one criterion of a goal came to in one iteration. */
export interface CriterionRow {
  goalId: number;
  criterion: string;
  score: number;
  missed: string[];
  suggestions: string[];
  explanation: string;
  /** Of the goal's best iteration. */
  best: boolean;
}

/** What the goals' criteria came to, goal by goal, iteration by iteration. */
export async function criteriaOf(ledger: Ledger, goals: readonly number[]): Promise<CriterionRow[]> {
  const all: CriterionRow[] = [];
  for (let start = 0; start < goals.length; start += 10_000) {
    const rows = await ledger.db
      .selectFrom("goalEvaluations as e")
      .innerJoin("goalIterations as i", "i.id", "e.iterationId")
      .innerJoin("goals as g", "g.id", "i.goalId")
      .select(["g.id as goalId", "e.criterion", "e.score", "e.missed", "e.suggestions", "e.explanation"])
      .select(["i.number", "g.bestIteration"])
      .where("g.id", "in", goals.slice(start, start + 10_000))
      .orderBy("g.id")
      .orderBy("i.number")
      .orderBy("e.id")
      .execute();
    for (const { number, bestIteration, ...row } of rows)
      all.push({
        ...row,
        missed: JSON.parse(row.missed) as string[],
        suggestions: JSON.parse(row.suggestions) as string[],
        best: number === bestIteration,
      });
  }
  return all;
}

/** A turn of a goal, without its text. */
export interface GoalTurn {
  id: number;
  purpose: string;
  ending: string;
  message: string;
  usage: Usage;
  wallMs: number;
  agentVersion: string | null;
  model: string | null;
}

/** All turns of a goal, oldest first. */
export async function goalTurnRows(ledger: Ledger, goalId: number): Promise<GoalTurn[]> {
  const rows = await ledger.db
    .selectFrom("turns")
    .select(["id", "purpose", "ending", "message", "wallMs", "agentVersion", "model"])
    .select(["tokensIn", "tokensOut", "tokensCached", "dollars"])
    .where("goalId", "=", goalId)
    .orderBy("id")
    .execute();
  return rows.map(({ tokensIn, tokensOut, tokensCached, dollars, ...row }) => ({
    ...row,
    usage: { input: tokensIn, output: tokensOut, cached: tokensCached, dollars },
  }));
}

/** The newest turn of an agent (by any of its names) on a task that says with what it worked; null: there is none. */
export async function newestTurnOf(
  ledger: Ledger,
  agents: readonly string[],
): Promise<{ agentVersion: string | null; model: string | null } | null> {
  const row = await ledger.db
    .selectFrom("turns")
    .select(["agentVersion", "model"])
    .where("researcher", "in", agents)
    .where("purpose", "=", "task")
    .where("ending", "=", "done")
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
  return row ?? null;
}

/** What an agent worked with, as it says. */
export interface WorkedWith {
  /** Its kind, as its trace begins (`model`, `claude`, ...); by whatever name it went where that is not known. */
  agent: string;
  agentVersion: string | null;
  model: string | null;
}

/** Turns that are looked at to see who is at work these days. */
const recent = 500;

/** With what each kind of agent last worked on a task outside of tests. */
export async function newestWork(ledger: Ledger): Promise<WorkedWith[]> {
  const rows = await workTurns(ledger)
    .leftJoin("goals as g", "g.id", "t.goalId")
    .where((eb) => eb.or([eb("g.id", "is", null), eb("g.purpose", "=", "goal")]))
    .limit(recent)
    .execute();
  const newest = new Map<string, WorkedWith>();
  for (const row of rows.map(workedWith)) if (!newest.has(row.agent)) newest.set(row.agent, row);
  return [...newest.values()];
}

/** With what the runs of a test were made; null: their turns are not on record. */
export async function testedWith(ledger: Ledger, evaluationId: number): Promise<WorkedWith | null> {
  const row = await workTurns(ledger)
    .innerJoin("trials as x", "x.goalId", "t.goalId")
    .where("x.evaluationId", "=", evaluationId)
    .limit(1)
    .executeTakeFirst();
  return row ? workedWith(row) : null;
}

function workTurns(ledger: Ledger) {
  return ledger.db
    .selectFrom("turns as t")
    .leftJoin("traceEvents as e", (join) => join.onRef("e.turnId", "=", "t.id").on("e.type", "=", "begin"))
    .select(["t.researcher", "t.agentVersion", "t.model", "e.data"])
    .where("t.purpose", "=", "task")
    .where("t.ending", "=", "done")
    .orderBy("t.id", "desc");
}

function workedWith(row: {
  researcher: string;
  agentVersion: string | null;
  model: string | null;
  data: string | null;
}): WorkedWith {
  // The built-in agent goes by its model's name.
  const named = /^[^/\s]+\/\S+$/.test(row.researcher) ? "model" : row.researcher;
  const { agent = named } = JSON.parse(row.data ?? "{}") as { agent?: string };
  return { agent, agentVersion: row.agentVersion, model: row.model };
}
