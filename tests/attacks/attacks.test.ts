import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { levelsHere } from "./runAttack.ts";
import { attacks, type Survey, survey } from "./survey.ts";
import { between, table } from "./table.ts";

const levels = await levelsHere();

describe("the attacks", () => {
  let all: Survey;
  beforeAll(async () => {
    all = await survey();
  }, 1_200_000);

  it("meet labs in which honest work wins and a changed comment does not", () => {
    expect(all.controls.length).toBeGreaterThan(0);
    for (const control of all.controls)
      expect(control).toMatchObject({ honest: "better", nothing: "no better" });
  });

  it.for(attacks.flatMap((attack) => levels.map((level) => [attack.name, level, attack] as const)))(
    "%s (%s)",
    ([_name, level, attack], context) => {
      const found = all.findings.find((finding) => finding.attack === attack && finding.level === level);
      if (!found) return context.skip("this machine lacks what the attack rests on");
      expect(found).toMatchObject({ verdict: attack.expect[level] });
      if (found.verdict === "not covered") expect(found.admitted).not.toBeNull();
    },
  );

  it("are in the table of docs/security.md as they came out", (context) => {
    // The table speaks of both levels and of every lab.
    if (levels.length < 2 || all.missing.length > 0 || all.findings.length < 2 * attacks.length)
      return context.skip("this machine does not offer everything that the table speaks of");
    const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "security.md"), "utf8");
    expect(between(page), "node tests/attacks/writeTable.ts brings it up to date").toBe(table(all));
  });

  it("have names of their own", () => {
    const names = attacks.map((attack) => `${attack.name} (${attack.lab})`);
    expect(new Set(names).size).toBe(names.length);
  });
});
