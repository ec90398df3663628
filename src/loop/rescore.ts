import { UserError } from "../errors.ts";
import type { LabFolder } from "../lab/index.ts";
import {
  changeOf,
  type ExperimentRow,
  experiments,
  reviewsOf,
  type SessionRow,
  sessions,
} from "../ledger/index.ts";
import { withSession } from "../notebook/index.ts";
import { applyChange } from "../repo/index.ts";
import { type Proposal, proposalKey, type Researcher } from "../researcher/index.ts";
import { fallen, rescorer } from "../strategy/index.ts";
import { type RunOptions, type RunResult, runSession } from "./run.ts";

interface Kept {
  what: ExperimentRow;
  change: { before: Record<string, string | null>; after: Record<string, string | null> };
}

/**
 * Measures the kept changes of an earlier session again under the yardstick of now, in a session of the next epoch: each
 * is proposed in its turn and has to win anew. The old session and its numbers stay as they are.
 *
 * @throws UserError when there is nothing to rescore, or the yardstick is the same.
 */
export async function rescore(
  lab: LabFolder,
  options: RunOptions = {},
): Promise<RunResult & { from: string }> {
  const { source, begun, keeps } = await withSession(lab.programFile, options.tag, async (ledger, named) => {
    const all = await sessions(ledger);
    // A rescoring that was interrupted goes on.
    const before = options.tag === undefined ? all.find((row) => row.id === named.rescoredFrom) : undefined;
    const from = before ?? named;
    const kept = await experiments(ledger, from.id, { kinds: ["keep"] });
    const gone = fallen(
      kept.map(({ number }) => number),
      await reviewsOf(ledger, from.id),
    );
    const standing: Kept[] = [];
    for (const what of kept)
      if (!gone.has(what.number)) standing.push({ what, change: await changeOf(ledger, what.id) });
    return {
      source: from,
      begun: all.find(
        (row) => row.rescoredFrom === from.id && row.programHash === lab.program.hash && row.id > from.id,
      ),
      keeps: standing,
    };
  });
  if (keeps.length === 0)
    throw new UserError(
      `session "${source.tag}" has kept nothing that could be measured again`,
      "`whet run --fresh` begins a new session",
    );
  const unfit = new Set<number>();
  const result = await runSession(lab, {
    ...options,
    ...(begun ? { tag: begun.tag } : { tag: epochTag(source), rescoring: source }),
    // Every keep has its turn: neither a limit nor a target of the research ends that.
    experiments: Number.MAX_SAFE_INTEGER,
    until: lab.contract.metric.direction === "minimize" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY,
    control: false,
    researcher: again(keeps, unfit),
  });
  if (result.final && unfit.size > 0)
    options.listener?.({
      type: "notice",
      message: `not measured again: ${[...unfit].map((number) => `#${number}`).join(", ")}, since what they were built on has not been kept this time`,
    });
  return { ...result, from: source.tag };
}

/** `nov21` -> `nov21-e2` -> `nov21-e3` */
function epochTag(source: SessionRow): string {
  return `${source.tag.replace(/-e\d+$/, "")}-e${source.epoch + 1}`;
}

/**
 * Proposes kept changes once more, in order, each as it fits the incumbent of now.
 *
 * @param unfit gets the experiments whose change fits nowhere.
 */
function again(keeps: readonly Kept[], unfit: Set<number>): Researcher {
  return {
    name: rescorer,
    async propose({ files, history }, { refused }) {
      const tried = new Set(history.map(({ hypothesis }) => hypothesis.what));
      for (const { what, change } of keeps) {
        const said = `#${what.number} again: ${what.what}`;
        if (tried.has(said)) continue;
        const next = await applyChange(files, change);
        if (next === null) {
          unfit.add(what.number);
          continue;
        }
        unfit.delete(what.number);
        const changes: Proposal["changes"] = {};
        for (const path of Object.keys({ ...change.before, ...change.after }))
          if ((next[path] ?? null) !== (files[path] ?? null)) changes[path] = next[path] ?? null;
        const proposal: Proposal = {
          hypothesis: { what: said, ...(what.mechanism === null ? {} : { mechanism: what.mechanism }) },
          changes,
        };
        if (Object.keys(changes).length > 0 && !refused.has(proposalKey(proposal)))
          return { kind: "proposal", proposal };
      }
      return { kind: "nothing", reason: "every kept change has been measured again" };
    },
  };
}
