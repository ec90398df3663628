import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../errors.ts";
import { isAlive } from "../lab/index.ts";
import {
  addReview,
  type ExperimentRow,
  experiments,
  reviewsOf,
  sessions,
  storedProgram,
} from "../ledger/index.ts";
import { withSession } from "../notebook/index.ts";
import { openRepo } from "../repo/index.ts";
import { settleBranch } from "../session/index.ts";
import { fallen } from "../strategy/index.ts";

/** A keep that a person should look at. */
export interface Doubted {
  number: number;
  what: string;
  doubt: string;
  effect: number | null;
  verdict: "accept" | "reject" | null;
  note: string | null;
}

/** The doubted keeps of a session, oldest first. */
export async function doubted(folder: string, tag?: string): Promise<{ tag: string; keeps: Doubted[] }> {
  return withSession(folder, tag, async (ledger, row) => {
    const given = await reviewsOf(ledger, row.id);
    const reviews = new Map(given.map((review) => [review.number, review]));
    const keeps = await experiments(ledger, row.id, { kinds: ["keep"] });
    const gone = fallen(
      keeps.map(({ number }) => number),
      given,
    );
    // What went with a rejected one waits for nobody.
    const asked = keeps.filter(isDoubted).filter(({ number }) => reviews.has(number) || !gone.has(number));
    return {
      tag: row.tag,
      keeps: asked.map(({ number, what, decision }) => ({
        number,
        what,
        doubt: decision.doubt,
        effect: decision.effect,
        verdict: reviews.get(number)?.verdict ?? null,
        note: reviews.get(number)?.note ?? null,
      })),
    };
  });
}

type DoubtedRow = ExperimentRow & { decision: NonNullable<ExperimentRow["decision"]> & { doubt: string } };

function isDoubted(row: ExperimentRow): row is DoubtedRow {
  return row.decision !== null && row.decision.doubt !== null;
}

/** Milliseconds that a process without a session may have the lab: one that begins, lets go, or looks after it. */
const patience = 5000;

/**
 * Records a person's verdict on a doubted keep; the branch follows. A rejected change is taken back by a commit, with
 * all that was built on it; a session that runs meanwhile goes on from there.
 *
 * @returns whether the branch has followed; false: a process that has the session brings it there.
 * @throws UserError when the experiment is no keep that waits.
 */
export async function review(
  folder: string,
  given: { number: number; verdict: "accept" | "reject"; note?: string; tag?: string },
): Promise<boolean> {
  return withSession(folder, given.tag, async (ledger, row) => {
    const keeps = await experiments(ledger, row.id, { kinds: ["keep"] });
    const keep = keeps.find(({ number }) => number === given.number);
    if (!keep || !isDoubted(keep))
      throw new UserError(
        `experiment ${given.number} of session ${row.tag} does not wait for a review`,
        "`whet review` lists what does",
      );
    const reviews = await reviewsOf(ledger, row.id);
    const gone = fallen(
      keeps.map(({ number }) => number),
      reviews,
    );
    const earlier = reviews.find(({ number }) => number === given.number);
    // A rejection that was cut off before the branch followed is taken up again.
    const cutOff = earlier?.verdict === "reject" && given.verdict === "reject" && earlier.commitId === null;
    if (gone.has(given.number) && earlier === undefined)
      throw new UserError(
        `experiment ${given.number} has been taken back already, with what it was built on`,
        "see `whet review`",
      );
    if (
      !cutOff &&
      !(await addReview(ledger, row.id, {
        experimentId: keep.id,
        verdict: given.verdict,
        note: given.note ?? null,
        reviewedAt: Date.now(),
      }))
    )
      throw new UserError(`experiment ${given.number} has been reviewed already`, "see `whet review`");
    for (const since = performance.now(); !ledger.hold(); await sleep(20)) {
      const held = (await sessions(ledger)).find(({ holder }) => holder !== null && isAlive(holder));
      // Who has the session brings the branch to it: before its next proposal, or when it lets go.
      if (held?.id === row.id) return false;
      // Who has another session leaves this one's branch alone.
      if (held) break;
      if (performance.now() - since > patience)
        throw new UserError(
          "the verdict is recorded, but another process has the lab and the branch cannot follow yet",
          "once that has ended, `whet run` or `whet doctor` brings the branch to it",
        );
    }
    const { contract } = storedProgram(row.program);
    await settleBranch({ ledger, row, contract, repo: await openRepo(folder) });
    return true;
  });
}
