import { describe, expect, it } from "vitest";
import { knobs, status } from "./support/knobs.ts";
import { repository, whet } from "./support/lab.ts";

describe("the holdout", () => {
  /** Every gain is fitted to the tuning data: on the holdout nothing changes at all. */
  const fitted = (more: string) =>
    knobs(`holdout: node holdout.mjs\n${more}`, {
      "holdout.mjs": "console.log(JSON.stringify({ metrics: { loss: 5 } }));\n",
    });

  it("raises an alarm when the kept gains do not show on it", async () => {
    const lab = repository(fitted(""));
    const ran = await whet(lab, "run", "--experiments", "40", "--seed", "1");
    expect(ran.stdout).toMatch(/! the 3 keeps should have gained .*, the holdout shows 0/);
    const now = await status(lab);
    expect(now.alarm).toMatch(/fitted to the data/);
    expect(now.tally.all).toBe(40);
  });

  it("stops the session then where the contract says so", async () => {
    const lab = repository(fitted("onDivergence: stop"));
    const ran = await whet(lab, "run", "--experiments", "40", "--seed", "1");
    expect(ran.stdout).toMatch(/stopped: the 3 keeps should have gained/);
    expect((await status(lab)).tally.keeps).toBe(3);
  });
});
