import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { presets } from "../../src/decision/index.ts";
import { gamble, gambleNaively, gambles, shares } from "./gambling.ts";
import { allowedShare, runStatistics, statistics } from "./statistics.ts";

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const sessions = Array.from({ length: 100 }, (_, index) => index + 1);

describe("hoping for luck", () => {
  it.each(statistics.map((attack) => [attack.name, attack] as const))("%s", (_name, attack) => {
    expect(runStatistics(attack).verdict).toBe(attack.expect);
  });

  it.each([
    ["no-op", gambles.noOp],
    ["seed-only", gambles.seedOnly],
  ])("of 1,000 %s edits no more are kept than docs/decision.md allows", (_name, what) => {
    const kept = shares(presets.balanced, what, 1000, 10);
    expect(mean(kept)).toBeGreaterThanOrEqual(0.004);
    expect(mean(kept)).toBeLessThanOrEqual(allowedShare);
    expect(Math.max(...kept)).toBeLessThanOrEqual(0.025);
  });

  it("of 200 tries with the same content a session says about how many keeps are false", () => {
    const all = sessions.map((seed) => gamble(presets.balanced, gambles.noOp, 200, seed));
    const keeps = mean(all.map((each) => each.keeps.length));
    const stated = mean(all.map((each) => each.expectedFalse));
    expect(keeps).toBeGreaterThan(1);
    expect(stated).toBeGreaterThan(keeps / 2);
    expect(stated).toBeLessThan(2 * keeps);
    // Nor is any single one stated as certain.
    expect(mean(all.flatMap((each) => each.keeps.map((keep) => keep.pReal ?? 1)))).toBeLessThan(0.75);
  });

  it("pays more than three times as often under the naive rule", () => {
    const naive = mean(sessions.map((seed) => gambleNaively(gambles.noOp, 100, seed)));
    expect(naive).toBeGreaterThan(3 * 100 * mean(shares(presets.balanced, gambles.noOp, 100, 100)));
  });

  it("says in docs/security.md what the rule does not withstand", () => {
    const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "security.md"), "utf8");
    const kept = runStatistics(
      statistics.find((attack) => attack.gamble === gambles.tripleNoise) as never,
    ).mean;
    expect(page).toMatch(/triples the noise/);
    expect(page).toContain(`${(100 * kept).toFixed(1)} %`);
  });
});
