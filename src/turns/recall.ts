import { mean } from "../base/index.ts";
import * as decision from "../decision/index.ts";
import {
  changesOf,
  ideasOf,
  newestKeeps,
  type Remembered,
  recall,
  reviewsOf,
  steeringOf,
} from "../ledger/index.ts";
import type { Entry, Memory } from "../researcher/index.ts";
import type { Session } from "../session/index.ts";
import { type Course, fallen } from "../strategy/index.ts";

/** Rows that a briefing could show of each kind; more would never fit. */
const rows = { worked: 40, nearMisses: 20, deadEnds: 80, untested: 20, ideas: 30, steering: 10, keeps: 4 };
/** Only so many of the newest experiments are looked through, however long the session is. */
const among = 5000;
/** Better by more than half a standard error, yet not kept. */
const nearMiss = 0.5;

/** What a session has learned, from its ledger: bounded in size and in the time that it takes. */
export async function recallMemory(
  { ledger, row, contract, baseline }: Pick<Session, "ledger" | "row" | "contract" | "baseline">,
  course: Pick<Course, "decided" | "incumbent" | "noise">,
): Promise<Memory> {
  const of = (kinds: Parameters<typeof recall>[2]["kinds"], limit: number, more = {}) =>
    recall(ledger, row.id, { kinds, limit, among, order: "newest", ...more });
  const keeps = await newestKeeps(ledger, row.id, rows.worked);
  const gone = fallen(keeps.map(({ number }) => number).toReversed(), await reviewsOf(ledger, row.id));
  const standing = keeps.filter(({ number }) => !gone.has(number));
  const [last] = await of(["keep", "discard", "crash", "timeout", "invalid"], 1);
  const sinceKeep = last ? last.number - (keeps[0]?.number ?? 0) : 0;
  const isStuck = sinceKeep >= contract.stuck.rewind;
  const shown = isStuck ? standing.slice(0, rows.keeps) : [];
  const changes = await changesOf(
    ledger,
    shown.map(({ id }) => id),
  );
  return {
    experiments: course.decided,
    baseline: mean(baseline.map((run) => run.value as number)),
    best: {
      value: course.incumbent.value,
      experiment: course.incumbent.number === 0 ? null : course.incumbent.number,
    },
    sigma: course.noise.deterministic ? 0 : decision.sigma(course.noise),
    sinceKeep,
    worked: standing.map(entry),
    nearMisses: (await of(["discard"], rows.nearMisses, { t: { above: nearMiss }, order: "t" })).map(entry),
    deadEnds: (await of(["discard"], rows.deadEnds, { t: { notAbove: nearMiss } })).map(entry),
    untested: (await of(["crash", "timeout", "invalid"], rows.untested)).map(entry),
    last: last ? entry(last) : null,
    ideas: await ideasOf(ledger, { open: true, limit: rows.ideas }),
    steering: (await steeringOf(ledger, row.id, rows.steering)).map(({ text }) => text),
    keeps: shown.map(({ id, number, what }) => ({ number, what, diff: changes.get(id)?.diff ?? "" })),
  };
}

function entry({ id: _id, ...row }: Remembered): Entry {
  return row;
}
