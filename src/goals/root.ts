import { ledgerPath, makeWhetstoneFolder } from "../lab/index.ts";
import { type Ledger, openLedger } from "../ledger/index.ts";

/** The ledger of a project's goals, as it stays open for a run. */
export async function openGoals(project: string): Promise<Ledger> {
  await makeWhetstoneFolder(project);
  return openLedger(ledgerPath(project));
}
