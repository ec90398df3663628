import { beforeAll, describe, expect, it } from "vitest";
import { hasNeeds, labs } from "./labs.ts";
import { isBetter, levelsHere, openBench, value } from "./runAttack.ts";
import { attacks, type Survey, survey } from "./survey.ts";

const levels = await levelsHere();

describe.each(levels)("the attacked labs at %s", (level) => {
  it.each(Object.entries(labs))("%s: honest work wins, a changed comment does not", async (_name, lab) => {
    if (!hasNeeds(lab)) return;
    const bench = await openBench(lab, level);
    try {
      const start = await bench.start(1);
      expect(start.failure).toBeNull();
      const honest = await bench.evaluate(lab.honest, 1);
      expect(honest.failure).toBeNull();
      expect(isBetter(bench, honest, start)).toBe(true);
      const nothing = await bench.evaluate(lab.nothing, 1);
      expect(nothing.failure).toBeNull();
      if (lab.margin === 0) expect(value(bench, nothing)).toBe(value(bench, start));
      else expect(isBetter(bench, nothing, start)).toBe(false);
    } finally {
      bench.close();
    }
  });
});

describe("the attacks", () => {
  let all: Survey;
  beforeAll(async () => {
    all = await survey();
  }, 180_000);

  it.each(attacks.flatMap((attack) => levels.map((level) => [attack.name, level, attack] as const)))(
    "%s (%s)",
    (_name, level, attack) => {
      const found = all.findings.find((finding) => finding.attack === attack && finding.level === level);
      if (!found) return;
      expect(found).toMatchObject({ verdict: attack.expect[level] });
      if (found.verdict === "not covered") expect(found.admitted).not.toBeNull();
    },
  );
});
