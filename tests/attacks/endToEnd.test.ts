import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { repository, whet } from "../support/lab.ts";
import { labs } from "./labs.ts";
import { levelsHere } from "./runAttack.ts";

interface Row {
  status: string;
  reason: string;
}

/** The search changes the constant, and with it the candidate cheats. */
const knob = "const KNOB = 1; // 1 .. 9\n";

const cheats: [string, string, Record<string, string>, RegExp][] = [
  [
    "prints the metric and leaves",
    "piped",
    {
      "main.mjs": `${labs.piped?.files["main.mjs"]?.replace(
        "\n",
        `\n${knob}if (KNOB !== 1) { console.log('{"metrics":{"error":0}}'); process.exit(0); }\n`,
      )}`,
    },
    /^invalid .*first line must be/,
  ],
  [
    "leaves half of an artefact and says success",
    "artefact",
    {
      "make.mjs": `${labs.artefact?.files["make.mjs"]}${knob}if (KNOB !== 1) writeFileSync(path, '{"slope":2,');\n`,
    },
    /^invalid .*the scorer failed;/,
  ],
  [
    "skips the work that is timed",
    "clocked",
    {
      "work.mjs": `${knob}${labs.clocked?.files["work.mjs"]?.replace("let count = 0;", "let count = 0;\n  if (KNOB !== 1) return 0;")}`,
    },
    /^discard .*the count is wrong/,
  ],
];

describe.each(await levelsHere())("through the command line at %s, a candidate", (level) => {
  it.each(cheats)("that %s is not kept (%s)", async (_name, name, files, wanted) => {
    const lab = repository({ ...labs[name]?.files, ...files });
    const ran = await whet(
      lab,
      ...["run", "--experiments", "1", "--audit", "0", "--no-probe"],
      ...["--isolation", level === "L0" ? level : "best"],
    );
    expect(ran.stderr).toBe("");
    const rows = JSON.parse((await whet(lab, "log", "--json")).stdout) as Row[];
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) expect(`${row.status} ${row.reason}`).toMatch(wanted);
  });

  it("and the person who started it are told what is not enforced, and how the number came about", async () => {
    const lab = repository({ ...labs.selfReported?.files });
    const isolation = ["--isolation", level === "L0" ? level : "best"];
    await whet(lab, "run", "--experiments", "1", "--audit", "0", "--no-probe", ...isolation);
    expect((await whet(lab, "report")).code).toBe(0);
    const report = readFileSync(join(lab, ".whetstone", "report.html"), "utf8").replaceAll("&#39;", "'");
    expect(report).toContain("self-reported");
    expect(report).toContain("processor time of processes that nobody waits for");
    expect(report).toContain(level === "L0" ? "reading and writing the user's files" : "kernel flaws");
  });
});
