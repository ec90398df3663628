import { describe, expect, it } from "vitest";
import { openLab, type Researcher } from "../src/index.ts";
import { knobs, log, status } from "./support/knobs.ts";
import { repository, whet } from "./support/lab.ts";

/** Proposes what never helps: each time another comment. */
const useless: Researcher = {
  name: "useless",
  propose: async ({ files, history }) => ({
    kind: "proposal",
    proposal: {
      hypothesis: { what: `white space ${history.length}` },
      changes: { "knobs.json": `${files["knobs.json"]}${"\n".repeat(history.length + 1)}` },
    },
  }),
};

describe("a control arm", () => {
  it("gives the built-in search its share of the time, and the report says what each brought", async () => {
    const lab = repository(knobs("control: 40%"));
    const opened = await openLab(lab);
    await opened.run({ experiments: 30, auditPairs: 2, probe: false, researcher: useless });
    const rows = await log(lab);
    const own = rows.filter((row) => row.researcher === "search").length;
    expect(own).toBeGreaterThan(6);
    expect(own).toBeLessThan(20);
    const { arms, tally } = await status(lab);
    expect(arms.map(({ researcher, keeps }) => [researcher, keeps])).toEqual([
      ["search", tally.keeps],
      ["useless", 0],
    ]);
    const spent = Object.fromEntries(arms.map(({ researcher, ms }) => [researcher, ms])) as Record<
      string,
      number
    >;
    const share = (spent.search as number) / ((spent.search as number) + (spent.useless as number));
    expect(share).toBeGreaterThan(0.3);
    expect(share).toBeLessThan(0.55);
    expect((await whet(lab, "status")).stdout).toMatch(/search: \d+ experiments, \d+ keeps?.*an hour/);
    expect((await whet(lab, "replay")).stdout).toMatch(/all agree/);
  });

  it("that has nothing left to try leaves the rest of the session to the researcher", async () => {
    const lab = repository(
      knobs("control: 80%", {
        "knobs.json": '{ "a": false }\n',
        "score.mjs": [
          'import { readFileSync } from "node:fs";',
          'import { join } from "node:path";',
          'const { a } = JSON.parse(readFileSync(join(process.env.CANDIDATE, "knobs.json"), "utf8"));',
          "console.log(JSON.stringify({ metrics: { loss: a ? 2 : 1 } }));",
          "",
        ].join("\n"),
      }),
    );
    const opened = await openLab(lab);
    const ended = await opened.run({ experiments: 8, auditPairs: 0, probe: false, researcher: useless });
    expect(ended.reason).toMatch(/limit of 8 experiments/);
    expect((await log(lab)).filter((row) => row.researcher === "search")).toHaveLength(1);
  });

  it("does nothing beside the search itself, and the contract says so", async () => {
    const lab = repository(knobs("control: 40%"));
    expect((await whet(lab, "check")).stdout).toMatch(/`control` does nothing here/);
  });
});
