import { type Kysely, sql } from "kysely";
import { link } from "./chain.ts";
import type { Ledger } from "./ledger.ts";
import type { Schema } from "./schema.ts";

/** How an agent that drives was kept apart from what judges it; see `whet start --sandboxed`. */
export interface BoxIsolation {
  level: "L2";
  /** The program that was started in it. */
  program: string;
  enforced: string[];
  notEnforced: string[];
  /** What it was given: folders, a login, hosts, variables. */
  granted: string[];
}

/** The sandbox of one started agent. */
export interface Box {
  /** Names it in every session that it tries something in. */
  key: string;
  isolation: BoxIsolation;
  /** Milliseconds since the epoch. */
  startedAt: number;
}

/** Records that an experiment was tried from within a box, in the transaction that records the experiment. */
export async function boxExperiment(
  tx: Kysely<Schema>,
  { sessionId, experimentId }: { sessionId: number; experimentId: number },
  { key, isolation, startedAt }: Box,
): Promise<void> {
  const known = await tx
    .selectFrom("boxes")
    .select("id")
    .where("sessionId", "=", sessionId)
    .where("key", "=", key)
    .executeTakeFirst();
  const box =
    known ??
    (await tx
      .insertInto("boxes")
      .values({ sessionId, key, isolation: JSON.stringify(isolation), startedAt })
      .returning("id")
      .executeTakeFirstOrThrow());
  if (!known) await link(tx, "boxes", box.id);
  await tx.insertInto("boxedExperiments").values({ experimentId, boxId: box.id }).execute();
  await link(tx, "boxed_experiments", experimentId);
}

/** Where the agents that drove a session were. */
export interface Drivers {
  /** Experiments of an agent that had the user's rights. */
  free: number;
  /** The boxes from which experiments came, oldest first. */
  boxes: (BoxIsolation & { experiments: number })[];
}

export async function driversOf(ledger: Ledger, sessionId: number): Promise<Drivers> {
  const free = await ledger.db
    .selectFrom("experiments as e")
    .leftJoin("boxedExperiments as b", "b.experimentId", "e.id")
    .select(({ fn }) => fn.countAll<number>().as("n"))
    .where("e.sessionId", "=", sessionId)
    // As a literal: only then the index over just these rows is used.
    .where(sql<boolean>`e.researcher = 'agent'`)
    .where("b.experimentId", "is", null)
    .executeTakeFirstOrThrow();
  const boxes = await ledger.db
    .selectFrom("boxes as x")
    .innerJoin("boxedExperiments as b", "b.boxId", "x.id")
    .select(({ fn }) => ["x.isolation", fn.countAll<number>().as("experiments")])
    .where("x.sessionId", "=", sessionId)
    .groupBy("x.id")
    .orderBy("x.id")
    .execute();
  return {
    free: Number(free.n),
    boxes: boxes.map(({ isolation, experiments }) => ({
      ...(JSON.parse(isolation) as BoxIsolation),
      experiments: Number(experiments),
    })),
  };
}
