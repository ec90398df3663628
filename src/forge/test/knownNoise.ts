import { evaluationRows, type Ledger } from "../../ledger/index.ts";
import type { Runner, TestSetup } from "./setup.ts";

/** What the ledger keeps of a calibration. */
export interface CalibrationSetup extends Omit<TestSetup, "versions"> {
  replicates: number;
}

/** What is known of the noise of a suite with an agent. */
export interface KnownNoise {
  evaluation: number;
  endedAt: number;
  words: string;
}

/** The newest calibration of goals with an agent, as a test runs them; null: there is none. */
export async function calibrationOf(
  ledger: Ledger,
  suiteHashes: readonly string[],
  { who, library = true, whole = false }: Pick<Runner, "who" | "library" | "whole">,
): Promise<KnownNoise | null> {
  for (const row of await evaluationRows(ledger, { kinds: ["calibration"], limit: 100_000 })) {
    if (row.endedAt === null || !suiteHashes.includes(row.suiteHash)) continue;
    const setup = JSON.parse(row.setup) as CalibrationSetup;
    const same =
      (["agent", "model", "judge"] as const).every((key) => setup.who[key] === who[key]) &&
      (setup.library ?? true) === library &&
      (setup.whole ?? false) === whole;
    if (same) return { evaluation: row.id, endedAt: row.endedAt, words: row.reason ?? "" };
  }
  return null;
}
