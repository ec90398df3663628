import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Session } from "../loop/index.ts";
import { notebookOf, whetstoneFolder } from "../notebook/index.ts";
import { resultsTsv } from "../report/index.ts";

/** Keeps `.whetstone/results.tsv` current, in autoresearch's five columns: for eyes, grep and existing tools. */
export function resultsWriter(lab: string, name: string): (session: Session) => Promise<void> {
  const file = join(whetstoneFolder(lab), "results.tsv");
  return async ({ ledger, row }) => {
    const notebook = await notebookOf(ledger, name, row, { newest: 1000 });
    const text = resultsTsv(notebook.experiments, {
      metric: notebook.metric.name,
      baseline: {
        commit: notebook.base,
        mean: notebook.baseline.mean,
        peakBytes: notebook.baseline.peakBytes,
      },
    });
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  };
}
