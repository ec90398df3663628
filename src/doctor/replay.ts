import { existsSync } from "node:fs";
import * as decision from "../decision/index.ts";
import { UserError } from "../errors.ts";
import { ledgerPath, withoutFile } from "../lab/index.ts";
import {
  type ChainReport,
  evaluationsOf,
  examineChain,
  openLedger,
  sessionByTag,
  storedProgram,
} from "../ledger/index.ts";
import { sessionMeant } from "../notebook/index.ts";
import { replay } from "../session/index.ts";
import { baselineRuns, decidingStage, fromNumbers, moods, replayRuns, soundRuns } from "../strategy/index.ts";

export interface ReplayReport {
  tag: string;
  experiments: number;
  /** Decisions of which the recorded evaluations do not give the kind and every figure, bit by bit. */
  differences: { number: number; recorded: string; replayed: string }[];
  /** Whether the record is as it was written, row by row; of the whole ledger. */
  chain: ChainReport;
}

/**
 * Re-derives every decision of a session from its recorded evaluations. Measures nothing and writes nothing.
 *
 * @param path the lab folder or a contract file.
 * @param tag absent: the session that is meant (`sessionMeant`).
 */
export async function replayLab(path: string, tag?: string): Promise<ReplayReport> {
  const folder = withoutFile(path);
  if (!existsSync(ledgerPath(folder)))
    throw new UserError(`no session has been run in ${folder}`, "begin with `whet run`");
  const ledger = await openLedger(ledgerPath(folder));
  try {
    const row = tag === undefined ? await sessionMeant(ledger, path) : await sessionByTag(ledger, tag);
    if (!row)
      throw new UserError(
        tag ? `there is no session "${tag}"` : "no session has been run here",
        "see `whet status`",
      );
    const { contract } = storedProgram(row.program);
    const rule = decision.rule(contract.decision.preset, contract.decision.parameters);
    const untouched = await evaluationsOf(ledger, { baseline: row.id });
    const baseline = untouched.filter((run) => run.failureKind === null);
    if (baseline.length < rule.baselineRuns * (contract.stages.length + (decidingStage(contract) ? 0 : 1)))
      throw new UserError(
        `session "${row.tag}" has no complete baseline yet`,
        "measure it with `whet check`",
      );
    const first = replayRuns(fromNumbers(baselineRuns(rule, contract)), baseline);
    const deciding = baseline.filter((run) => run.stage === decidingStage(contract));
    const { course, differences } = await replay({
      ledger,
      row,
      contract,
      rule,
      baseline: soundRuns(deciding, contract.decision),
      noise: { ...first, failures: moods(untouched) },
      baseFiles: {},
    });
    return { tag: row.tag, experiments: course.decided, differences, chain: await examineChain(ledger) };
  } finally {
    await ledger.close();
  }
}
