import * as decision from "../decision/index.ts";
import type { Files } from "../evaluator/index.ts";
import { type AuditRow, changeOf, type ExperimentRow } from "../ledger/index.ts";
import { outcomeOf, type Parts, removals } from "../notebook/index.ts";
import { applyChange, contentHash } from "../repo/index.ts";
import { type Comparison, measurePairs, type Session } from "../session/index.ts";
import type { Incumbent } from "../strategy/index.ts";

export interface Change {
  keep: ExperimentRow;
  before: Record<string, string | null>;
  after: Record<string, string | null>;
}

/** The final state with what its parts are measured with. */
export interface Final {
  session: Session;
  incumbent: Incumbent;
  /** By experiment number, in the order in which they were kept. */
  changes: Map<number, Change>;
  measure: (
    what: string,
    comparison: Pick<Comparison, "kind" | "against"> & { files: Files; subject: readonly number[] },
  ) => Promise<AuditRow>;
}

export async function openFinal(
  session: Session,
  incumbent: Incumbent,
  keeps: readonly ExperimentRow[],
  pairs: number,
): Promise<Final> {
  const changes = new Map<number, Change>();
  for (const keep of keeps) {
    const { before, after } = await changeOf(session.ledger, keep.id);
    changes.set(keep.number, { keep, before, after });
  }
  return {
    session,
    incumbent,
    changes,
    measure: (what, { kind, against, files, subject }) =>
      measurePairs(session, {
        kind,
        what,
        against,
        state: contentHash(files),
        files,
        subject,
        experiment: incumbent.number,
        pairs,
      }),
  };
}

/** The final state without some changes, the newest taken out first; null where one does not come off cleanly. */
export async function without(
  { incumbent, changes }: Final,
  numbers: readonly number[],
): Promise<Files | null> {
  let files: Files | null = incumbent.files;
  for (const number of numbers.toSorted((one, other) => other - one)) {
    const { before, after } = changes.get(number) as Change;
    files = files && (await applyChange(files, { before: after, after: before }));
  }
  return files;
}

/** The untouched code with some changes, in their order, after each of them; null where one does not fit. */
export async function stacked(
  { session, changes }: Final,
  numbers: readonly number[],
): Promise<Files[] | null> {
  const states: Files[] = [];
  let files: Files | null = session.baseFiles;
  for (const number of numbers) {
    files = await applyChange(files, changes.get(number) as Change);
    if (files === null) return null;
    states.push(files);
  }
  return states;
}

/**
 * Measures the final state without each change in turn. Changes of the same lines, such as a constant that was set three
 * times, come off together with the later ones only: what they are worth is what the chain from there on is worth.
 */
export async function ablate(final: Final): Promise<void> {
  // Without the only change it is the baseline, which the audit has measured.
  if (final.changes.size === 1) return;
  for (const [number, { keep }] of final.changes) {
    const subject = await chainFrom(final, number);
    const files = subject && (await without(final, subject));
    if (!files) continue;
    const others = subject.filter((other) => other !== number);
    await final.measure(
      `the final state without #${number} ${keep.what}${others.length === 0 ? "" : ` and ${named(others)}, which rest on it`}`,
      { kind: "ablation", against: final.incumbent, files, subject },
    );
  }
}

/** A change with the fewest later ones that have to be taken out with it; null where it does not come off at all. */
async function chainFrom(final: Final, number: number): Promise<number[] | null> {
  if ((await without(final, [number])) !== null) return [number];
  let chain = [...final.changes.keys()].filter((other) => other >= number);
  if ((await without(final, chain)) === null) return null;
  for (const other of chain.slice(1)) {
    const fewer = chain.filter((each) => each !== other);
    if ((await without(final, fewer)) !== null) chain = fewer;
  }
  return chain;
}

export interface TakenOut {
  /** Files of the state that is proposed; null when none is. */
  lean: { files: Files; removed: number[]; audit: AuditRow } | null;
  /** The changes that stay. */
  left: number[];
  notes: string[];
}

/** Looks for the state without all that is not shown to carry weight, or without as much of it as can go. */
export async function takeOut(final: Final, parts: Parts["changes"]): Promise<TakenOut> {
  const { session, incumbent, changes } = final;
  const all = [...changes.keys()];
  const left = (removed: readonly number[]) => all.filter((number) => !removed.includes(number));
  const sets = removals(
    parts,
    [...changes.values()].map(({ keep }) => keep),
  );
  const notes: string[] = [];
  for (const removed of sets) {
    const files = await without(final, removed);
    if (files === null) {
      notes.push(`${named(removed)} cannot be taken out together: they touch the same lines`);
      continue;
    }
    if (contentHash(files) === session.row.baseState) {
      if (all.length === 1)
        return {
          lean: null,
          left: [],
          notes: [`${named(removed)}, the only change, is not shown to carry weight`],
        };
      notes.push(
        `none of ${named(removed)} is shown to carry weight alone, and without them nothing is left`,
      );
    }
    const audit = await final.measure(`the final state without ${named(removed)}`, {
      kind: "ablation",
      against: incumbent,
      files,
      subject: removed,
    });
    const { estimate, failure } = await outcomeOf(session.ledger, session.contract, audit);
    if (failure !== null || !estimate) {
      notes.push(`${named(removed)} cannot all go: ${failure}`);
      continue;
    }
    if (!decision.notWorse(estimate.interval, session.contract.metric.minEffect)) {
      notes.push(
        `${named(removed)} cannot all go: each alone is not shown to carry weight, together they do`,
      );
      continue;
    }
    if (contentHash(files) === session.row.baseState) return { lean: null, left: [], notes };
    const own = await final.measure(`the lean state (without ${named(removed)}) against the untouched code`, {
      kind: "review",
      against: null,
      files,
      subject: left(removed),
    });
    const alone = await outcomeOf(session.ledger, session.contract, own);
    if (alone.failure === null) return { lean: { files, removed, audit: own }, left: left(removed), notes };
    notes.push(`${named(removed)} cannot all go: ${alone.failure}`);
  }
  return { lean: null, left: all, notes };
}

export function named(numbers: readonly number[]): string {
  return numbers.map((number) => `#${number}`).join(", ");
}
