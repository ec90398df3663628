import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Finding, ill, well } from "../doctor/index.ts";
import { whetstoneFolder } from "../lab/index.ts";
import { experiments, type Ledger, type SessionRow, sessions } from "../ledger/index.ts";
import { tableOf } from "../notebook/index.ts";
import { continuedTsv, resultsTsv } from "../report/index.ts";
import type { Session } from "../session/index.ts";

/** Keeps `.whetstone/results.tsv` current, in autoresearch's five columns: for eyes, grep and existing tools. */
export function resultsWriter(lab: string): (session: Pick<Session, "ledger" | "row">) => Promise<void> {
  return async ({ ledger, row }) => {
    const file = resultsFile(lab);
    await writeFile(`${file}.new`, await resultsText(lab, ledger, row));
    await rename(`${file}.new`, file);
  };
}

/** Whether the file shows what the ledger holds of one of its sessions. */
export async function examineResults(lab: string, ledger: Ledger): Promise<Finding> {
  const text = await readFile(resultsFile(lab), "utf8").catch(() => null);
  const all = await sessions(ledger);
  const tried = await Promise.all(all.map((row) => experiments(ledger, row.id, { limit: 1 })));
  if (text === null && tried.every((rows) => rows.length === 0))
    return well("results", "results.tsv is written once a session runs");
  for (const row of all)
    if (text === (await resultsText(lab, ledger, row)))
      return well("results", "results.tsv is up to date", row.tag);
  const latest = all.toSorted((a, b) => (b.startedAt ?? 0) - (a.startedAt ?? 0))[0] as SessionRow;
  return ill("results", text === null ? "results.tsv is missing" : "results.tsv is not up to date", {
    repair: {
      question: "write it anew from the ledger?",
      run: async () => {
        await resultsWriter(lab)({ ledger, row: latest });
        return "written";
      },
    },
  });
}

/** A `results.tsv` in the lab folder itself, as autoresearch keeps it, is continued and stays as it is. */
async function resultsText(lab: string, ledger: Ledger, row: SessionRow): Promise<string> {
  const { experiments: rows, metric, base, baseline } = await tableOf(ledger, row, { newest: 1000 });
  const own = resultsTsv(rows, {
    metric: metric.name,
    baseline: { commit: base, mean: baseline.mean, peakBytes: baseline.peakBytes },
  });
  const earlier = await readFile(join(lab, "results.tsv"), "utf8").catch(() => null);
  return earlier === null ? own : continuedTsv(earlier, own);
}

function resultsFile(lab: string): string {
  return join(whetstoneFolder(lab), "results.tsv");
}
