import { type Finding, ill, well } from "../doctor/index.ts";
import type { Ledger } from "../ledger/index.ts";

/** Whether killed processes left goals and working copies. The next goal puts them away as well. */
export async function examineGoals(ledger: Ledger): Promise<Finding> {
  const { goalLeftovers, sweepGoals } = await import("../goals/index.ts");
  const { goals, folders } = await goalLeftovers(ledger);
  if (goals.length === 0 && folders.length === 0) return well("goals", "none was left behind by a kill");
  const stopped =
    goals.length === 0 ? "" : `the process of goal ${goals.map(({ id }) => id).join(", ")} is gone; `;
  return ill("goals", `${stopped}working copies left: ${folders.length}`, {
    repair: {
      question: "release and remove them?",
      run: async () => {
        const swept = await sweepGoals(ledger);
        return `${swept.goals.length} released, ${swept.folders.length} removed; \`whet goal resume\` goes on`;
      },
    },
  });
}
