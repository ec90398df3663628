import { join } from "node:path";

/** Where a lab keeps its ledger, reports and working folders; it ignores itself in git. */
export function whetstoneFolder(lab: string): string {
  return join(lab, ".whetstone");
}

/** Where the canaries that won lie, to be looked at. */
export function canariesFolder(lab: string): string {
  return join(whetstoneFolder(lab), "canaries");
}

export function ledgerPath(lab: string): string {
  return join(whetstoneFolder(lab), "ledger.db");
}
