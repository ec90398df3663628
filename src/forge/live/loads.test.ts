import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Step } from "../../../tests/support/acpAgent.ts";
import { RunFailed } from "../../errors.ts";
import { evaluationRows, type Ledger, openLedger, skillUseCounts } from "../../ledger/index.ts";
import { openSandbox } from "../../sandbox/index.ts";
import { addSkill } from "../../skills/index.ts";
import { openMeter } from "../test/limits.ts";
import { agentLoads, type Loads } from "./loads.ts";
import { triggerTest } from "./trigger.ts";

const project = join(import.meta.dirname, "..", "..", "..");
let root: string;
let ledger: Ledger;
let versionId: number;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "loads-"));
  ledger = await openLedger(join(root, ".whetstone", "ledger.db"));
  const named = { name: "closing-words", description: "Closing words of letters." };
  const skill = { ...named, metadata: {}, allowedTools: [], instructions: "AMEN", files: new Map() };
  ({ versionId } = await addSkill(ledger, { skill, origin: "person" }));
});
afterEach(async () => {
  await ledger.close();
  rmSync(root, { recursive: true, force: true });
});

/** A call of the scripted agent's that it says it has made. */
const call = (id: string, path: string): Step => ({
  do: "update",
  update: {
    ...{ sessionUpdate: "tool_call", toolCallId: id, title: "Read", kind: "read", status: "completed" },
    rawInput: { path },
  },
});
const skillFile = ".agents/skills/closing-words/SKILL.md";

describe("a question to a coding agent", () => {
  async function asked(steps: Step[]): Promise<boolean> {
    const script = join(root, "script.json");
    writeFileSync(script, JSON.stringify({ steps }));
    const agent = `acp: node ${join(project, "tests", "support", "acpAgent.ts")} ${script} # ${project}`;
    const meter = openMeter({});
    const loads = agentLoads({
      ...{ ledger, root, versionId, meter, hide: [], who: { agent, model: null, judge: null } },
      sandbox: await openSandbox({ level: "L0" }),
      env: { PATH: process.env.PATH, HOME: root },
    });
    const read = await loads("Write to Ada.");
    expect(meter.spent.runs).toBe(1);
    expect(readdirSync(join(root, ".whetstone", "trials"))).toEqual([]);
    return read;
  }

  it("ends as soon as it has read the skill", async () => {
    // Told of what is there: the folder was laid down.
    expect(await asked([{ do: "fsRead", path: skillFile }, call("1", skillFile), { do: "hang" }])).toBe(true);
    const turns = await ledger.db.selectFrom("turns").select(["purpose", "prompt"]).execute();
    expect(turns).toMatchObject([{ purpose: "forge" }]);
    expect(await ledger.db.selectFrom("skillUses").select("loaded").execute()).toEqual([{ loaded: 1 }]);
    // No use in work.
    expect(await skillUseCounts(ledger)).toEqual(new Map());
  });

  it("ends after a few calls without it, and when the agent is done", async () => {
    const busy = Array.from({ length: 8 }, (_, index) => call(String(index), `file-${index}`));
    expect(await asked([...busy, { do: "hang" }])).toBe(false);
    expect(await asked([call("1", "notes.txt")])).toBe(false);
  });

  it("counts for nothing where the agent fails", async () => {
    await expect(asked([{ do: "exit", code: 3 }])).rejects.toThrow(RunFailed);
  });
});

describe("whether a skill is read when it should be", () => {
  const queries = [
    { query: "letter", should: true },
    { query: "sum", should: false },
    { query: "song", should: true },
  ];
  const tested = (loads: Loads, limits = {}, runs = 2) => {
    const meter = openMeter(limits);
    const counting: Loads = async (query) => {
      meter.add({ runs: 1, tokens: 1, dollars: 0 });
      return loads(query);
    };
    const who = { agent: "claude", model: null };
    return triggerTest({ ledger, versionId, who, queries, meter, runs, loads: counting });
  };

  it("is told by the share of the questions that were answered rightly in half of the tries", async () => {
    let tries = 0;
    const result = await tested((query) => Promise.resolve(query === "letter" && tries++ === 0));
    expect(result).toMatchObject({ sensitivity: 0.5, specificity: 1, stopped: null });
    expect(result.queries.map(({ loaded, runs, right }) => [loaded, runs, right])).toEqual([
      [1, 2, true],
      [0, 2, true],
      [0, 2, false],
    ]);
    const rows = await evaluationRows(ledger, { kinds: ["trigger"] });
    expect(rows).toMatchObject([{ agent: "claude", tasks: 3, tokens: 6, dollars: 0 }]);
  });

  it("stops at a limit or where nobody answers, says why, and keeps what it has found out", async () => {
    const yes = () => Promise.resolve(true);
    expect(await tested(yes, { runs: 3 })).toMatchObject({
      queries: [{ query: "letter", loaded: 2, runs: 2 }],
      stopped: expect.stringContaining("3 runs"),
    });
    const broken = await tested((query) =>
      query === "sum" ? Promise.reject(new RunFailed("claude: no key")) : yes(),
    );
    expect(broken).toMatchObject({ stopped: "claude: no key", sensitivity: 1, specificity: null });
    expect(broken.queries).toHaveLength(1);
  });
});
