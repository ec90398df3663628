import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recordGoal, type ShortCall } from "../../../tests/support/goalTraces.ts";
import { type ModelServer, type Script, startModelServer } from "../../../tests/support/modelServer/index.ts";
import { type ModelChoice, provideModel } from "../../agents/index.ts";
import { parseResearcher } from "../../contract/index.ts";
import { type Ledger, openLedger } from "../../ledger/index.ts";
import { validateSkill } from "../../skills/index.ts";
import { openMeter } from "../test/limits.ts";
import { countTraces } from "./count.ts";
import { evidenceOf } from "./evidence.ts";
import { errorClass } from "./shape.ts";
import { wordFindings } from "./word.ts";

let root: string;
let ledger: Ledger;
let server: ModelServer | undefined;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "word-"));
  ledger = await openLedger(join(root, "ledger.db"));
});
afterEach(async () => {
  await server?.close();
  await ledger.close();
  rmSync(root, { recursive: true, force: true });
});

const good: ShortCall[] = [
  ["read", { path: "a.csv" }],
  ["run", { command: "csvlint a.csv" }],
  ["write", { path: "a.json", content: "{}" }],
];
const bad: ShortCall[] = [
  ["read", { path: "b.csv" }],
  ["write", { path: "b.json", content: "{}" }],
];

async function worded(script: Script) {
  for (let index = 0; index < 6; index++) {
    await recordGoal(ledger, { task: "clean", met: true, calls: good });
    await recordGoal(ledger, { task: "clean", met: false, calls: bad });
  }
  const counts = await countTraces(ledger);
  const evidence = await evidenceOf(ledger, counts);
  const contrast = counts.contrasts[0];
  if (!contrast) throw new Error("no contrast");
  server = await startModelServer(script, { main: () => true });
  const model = await provideModel(
    { ...(parseResearcher("model: local/m") as ModelChoice), url: `${server.url}/v1` },
    {},
  );
  const meter = openMeter({});
  const result = await wordFindings({ ledger, model, meter }, evidence, counts.tools);
  return { result, contrast, meter, server };
}

describe("wording what was counted", () => {
  it("keeps sentences that cite events which show them, and drops all others with the reason", async () => {
    const lint = {
      text: "Check the table with `csvlint` before you convert it.",
      finding: "c1",
      events: ["FIRST", "LINT"],
    };
    const answer = {
      patterns: [{ ...lint }],
      antipatterns: [
        { text: "Converting unchecked tables fails." },
        { text: "It fails on Mondays.", finding: "c99", events: ["FIRST"] },
        { text: "It is slow.", finding: "c1", events: ["9999:3"] },
        { text: "Always use `pandas`.", finding: "c1", events: ["FIRST"] },
      ],
      skill: {
        name: "Check Tables!",
        description: "Checks tables before they are converted. Use it for CSV files.",
        allowed_tools: ["run", "telepathy"],
        when: [{ ...lint, text: "A table is to be converted." }],
        steps: [lint, { text: "Trust me.", finding: "", events: [] }],
        fails_when: [],
      },
    };
    const {
      result,
      contrast,
      server: asked,
    } = await worded((request) => {
      const lines = request.messages.at(-1)?.text ?? "";
      const lint = /\[(\d+:\d+)\] call run .*csvlint/.exec(lines)?.[1] ?? "";
      const first = /^c1: .*\n {2}\[(\d+:\d+)\]/m.exec(lines)?.[1] ?? "";
      return {
        text: `\`\`\`json\n${JSON.stringify(answer).replaceAll("FIRST", first).replaceAll("LINT", lint)}\n\`\`\``,
      };
    });
    expect(result.patterns).toMatchObject([{ claim: lint.text }]);
    for (const id of result.patterns[0]?.events ?? []) expect(contrast.events).toContain(id);
    expect(result.antipatterns).toEqual([]);
    expect(result.dropped.map(({ why }) => why)).toEqual([
      "it cites nothing",
      "there is no finding c99",
      "there is no event 9999:3 among those shown",
      "the cited events do not hold `pandas`",
      "it cites nothing",
    ]);
    const skill = result.candidate?.skill;
    expect(skill).toMatchObject({ name: "check-tables", allowedTools: ["run"] });
    expect(skill?.instructions).toContain("1. Check the table with `csvlint`");
    expect(skill?.instructions).not.toContain("Trust me");
    expect(skill && validateSkill(skill)).toEqual([]);
    expect(asked.requests).toHaveLength(1);
    const turns = await ledger.db.selectFrom("turns").selectAll().where("purpose", "=", "forge").execute();
    expect(turns).toHaveLength(1);
  });

  it("makes no skill of sentences that all cite nothing", async () => {
    const { result } = await worded([
      {
        text: JSON.stringify({
          skill: { name: "x", description: "y", steps: [{ text: "Be careful." }, { text: "Work hard." }] },
        }),
      },
    ]);
    expect(result.candidate).toBeNull();
    expect(result.dropped).toHaveLength(2);
  });

  it("says what is wrong with an answer that cannot be used", async () => {
    const {
      result,
      meter,
      server: asked,
    } = await worded([{ text: "I think so." }, { text: '{"skill": null}' }]);
    expect(result.candidate).toBeNull();
    expect(asked.requests[1]?.messages.at(-1)?.text).toContain("there is no JSON document");
    expect(meter.spent.tokens).toBe(240);
  });

  it("refuses a skill beyond 5,000 tokens", async () => {
    const steps = Array.from({ length: 30 }, () => ({
      text: "word ".repeat(250),
      finding: "c1",
      events: [],
    }));
    const long = { text: JSON.stringify({ skill: { name: "x", description: "y", steps } }) };
    await expect(worded([long, long, long])).rejects.toThrow(/about \d+ tokens; at most 5000/);
  });
});

it("shows a model no secret, whoever calls it, be it cut in two by the length of what is shown", async () => {
  const secret = `sk-ant-api03-${"aB3d".repeat(12)}`;
  const calls: ShortCall[] = [["run", { command: `${"x".repeat(280)} ${secret} csvlint` }]];
  for (let index = 0; index < 4; index++)
    await recordGoal(ledger, { task: "t", met: true, calls: [...calls, ...good] });
  const { text } = await evidenceOf(ledger, await countTraces(ledger));
  expect(text).toContain("xxx");
  expect(text).not.toContain("sk-ant");
  expect(errorClass(`Error: wrong key ${secret}`)).toBe("Error: wrong key [redacted:model-key]");
});
