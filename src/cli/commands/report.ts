import { mkdir, writeFile } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import { UserError } from "../../errors.ts";
import { whetstoneFolder } from "../../lab/index.ts";
import { notebookOf } from "../../notebook/index.ts";
import { chartPng, progressSvg, reportHtml } from "../../report/index.ts";
import { print, printJson } from "../output.ts";
import { inSession, labFolder, type Options } from "./notebook.ts";

export async function reportCommand(
  lab: string | undefined,
  options: Options & { out?: string },
): Promise<number> {
  const folder = labFolder(lab);
  const out = resolve(options.out ?? whetstoneFolder(folder));
  return inSession(lab, options.tag, async (ledger, row) => {
    const notebook = await notebookOf(ledger, basename(folder), row, { texts: true });
    if (notebook.baseline.values.length === 0)
      throw new UserError("the baseline has not been measured yet", "whet check");
    const svg = progressSvg(notebook, { width: 1200, height: 675, theme: "light" });
    await mkdir(out, { recursive: true });
    const files = [join(out, "report.html"), join(out, "progress.svg"), join(out, "progress.png")] as const;
    await writeFile(files[0], reportHtml(notebook));
    await writeFile(files[1], svg);
    await writeFile(files[2], await chartPng(svg));
    if (options.json) printJson({ files });
    else for (const file of files) print(relative(process.cwd(), file) || file);
    return 0;
  });
}
