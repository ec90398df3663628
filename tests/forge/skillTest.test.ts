import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { repository, startWith } from "../support/lab.ts";
import { query, tamper } from "../support/ledger.ts";
import { letters, names, skillText, told } from "../support/letters.ts";
import { startModelServer } from "../support/modelServer/index.ts";

/** A model that reads every skill it is offered, and says AMEN when it was told to and nobody forbade it. */
async function world(saysIt: (text: string) => boolean): Promise<string> {
  const server = await startModelServer(
    (request) => {
      const read = request.messages.flatMap(({ calls }) =>
        calls.map(({ args }) => (args as { name?: string }).name),
      );
      const offered = [...request.system.matchAll(/<name>([\w-]+)<\/name>/g)].map(
        ([, name]) => name as string,
      );
      const next = offered.find((name) => !read.includes(name));
      if (next !== undefined && request.tools.some(({ name }) => name === "load_skill"))
        return { tools: [{ name: "load_skill", args: { name: next } }] };
      return { text: saysIt(told(request)) ? "It is done. AMEN" : "It is done." };
    },
    { main: () => true },
  );
  onTestFinished(() => server.close());
  return `${server.url}/v1`;
}

async function project(saysIt: (text: string) => boolean, files: Record<string, string> = {}) {
  const url = await world(saysIt);
  const lab = repository({
    "closing-words/SKILL.md": skillText("closing-words", "End with the word AMEN."),
    "closing-words/evals/evals.json": letters(names.slice(0, 6)),
    ...files,
  });
  const whet = (...args: string[]) => startWith({ HOME: lab }, lab, ...args).finished;
  return { lab, whet, model: ["--model", "local/m", "--url", url] };
}

describe("whet skill test", () => {
  it("--interference shows what the installed library takes of a skill", async () => {
    const { lab, whet, model } = await project(
      (text) => /End with the word AMEN/.test(text) && !/Never say AMEN/.test(text),
      { "plain-letters/SKILL.md": skillText("plain-letters", "Never say AMEN.") },
    );
    await whet("skill", "import", "plain-letters");
    // It was proven once, for something else.
    tamper(lab, "update skills set status = 'validated'; update skill_versions set status = 'validated'");
    const { code, stdout } = await whet(
      ...["skill", "test", "closing-words", ...model, "--interference", "--no-trigger", "--test-runs", "12"],
    );
    expect(code).toBe(0);
    expect(stdout).toContain("closing-words v1: Not enough evidence that it helps");
    expect(stdout).toContain("all 6 pairs of runs scored the same with and without it");
    expect(stdout).toContain("not in use: it is a draft");
    expect(stdout).toMatch(
      /Beside the installed library it brings \+0\.0 points, alone \+100\.0 points.*the library takes \+100\.0 points of it, and that is what keeps it from being kept/,
    );
    const kinds = "select group_concat(kind || ' ' || decision, ', ') from skill_evaluations";
    expect(query<string>(lab, kinds)).toBe("test not enough evidence, interference better");
    expect(query<string>(lab, "select status from skills where name = 'closing-words'")).toBe("draft");
    const page = readFileSync(join(lab, ".whetstone", "skills", "closing-words.html"), "utf8");
    expect(page).toContain("Beside the installed library");
  });

  it("ends with 0 at a limit of one's own, with 1 when something is in the way, and goes on after both", async () => {
    const { whet, model } = await project((text) => /End with the word AMEN/.test(text));
    const test = (...more: string[]) =>
      whet("skill", "test", "closing-words", "--no-trigger", "--test-runs", "24", ...more);
    const limited = await test(...model, "--runs", "3");
    expect([limited.code, limited.stdout]).toEqual([0, expect.stringContaining("3 runs")]);
    const refusing = await startModelServer(() => ({ status: 401, message: "who are you" }), {
      main: () => true,
    });
    onTestFinished(() => refusing.close());
    const barred = await test("--model", "local/m", "--url", `${refusing.url}/v1`);
    expect([barred.code, barred.stdout]).toEqual([1, expect.stringContaining("who are you")]);
    const done = await test(...model);
    expect([done.code, done.stdout]).toEqual([0, expect.stringContaining("It helps")]);
    // Four further tries: two of either kind of question.
    const tried = await whet(
      ...[
        "skill",
        "test",
        "closing-words",
        ...model,
        "--test-runs",
        "24",
        "--trigger-runs",
        "1",
        "--runs",
        "4",
      ],
    );
    expect(tried.stdout).toMatch(
      /asked 2 of 6 questions that call for it, and read at 2\.\n.*asked 2 of 5 that do not, and stayed quiet at [012]\.\n.*not asked: all 4 runs/,
    );
    const none = await whet(
      "skill",
      "test",
      "closing-words",
      ...model,
      "--test-runs",
      "24",
      "--runs",
      "1",
      "--trigger-runs",
      "2",
    );
    expect(none.stdout).toMatch(
      /None of the 6 questions that call for it was asked\.\n.*None of the 5 that do not/,
    );
    expect(none.stdout).not.toContain("stayed quiet");
    const tiny = await whet("skill", "test", "closing-words", ...model, "--alpha", "0.001");
    expect([tiny.code, tiny.stderr]).toEqual([2, expect.stringContaining("can never show anything")]);
  });

  it("is judged by a model of another family where nobody is named, and says who it was", async () => {
    const server = await startModelServer(
      (request) => {
        if (request.system.includes("You judge")) {
          const score = /AMEN/.test(request.messages[0]?.text ?? "") ? 90 : 10;
          const one = { name: "The letter closes well.", score, explanation: "so it is" };
          return { text: JSON.stringify({ criteria: [one] }) };
        }
        return { text: /End with the word AMEN/.test(told(request)) ? "It is done. AMEN" : "It is done." };
      },
      { main: () => true },
    );
    onTestFinished(() => server.close());
    const evals = names.slice(0, 5).map((name, index) => ({
      ...{ id: index + 1, prompt: `Write a letter to ${name}.`, expectations: ["The letter closes well."] },
    }));
    const lab = repository({
      "closing-words/SKILL.md": skillText("closing-words", "End with the word AMEN."),
      "closing-words/evals/evals.json": JSON.stringify({ skill_name: "closing-words", evals }),
    });
    const keys = {
      ...{ HOME: lab, GEMINI_API_KEY: "one", GOOGLE_GEMINI_BASE_URL: server.url },
      ...{ ANTHROPIC_API_KEY: "two", ANTHROPIC_BASE_URL: server.url, OPENAI_API_KEY: "" },
    };
    const test = ["skill", "test", "closing-words", "--model", "google/gemini-2.5-pro", "--in-prompt"];
    const { code, stdout, stderr } = await startWith(
      ...([keys, lab, ...test, "--no-trigger", "--test-runs", "10", "--json"] as const),
    ).finished;
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/^anthropic\/claude\S* judges, of another family/),
    ]);
    const report = JSON.parse(stdout) as { judges: string[]; warnings: string[]; verdict: unknown };
    expect(report.judges).toEqual([expect.stringMatching(/^anthropic\/claude/)]);
    expect(report).toMatchObject({ warnings: [], verdict: { outcome: "better", effect: { points: 80 } } });
  });

  it("--placebo keeps no skill where any text of its length helps as much", async () => {
    // Whatever is read helps here.
    const { lab, whet, model } = await project((text) => /<skill|This text accompanies|End with/.test(text));
    const { code, stdout } = await whet(
      ...["skill", "test", "closing-words", ...model, "--placebo", "--no-trigger", "--test-runs", "18"],
    );
    expect(code).toBe(0);
    expect(stdout).toContain("not shown to do more than a placebo");
    expect(stdout).toMatch(/discard/);
    expect(query(lab, "select count(distinct arm) from trials")).toBe(3);
    const placebo = "select json_extract(trial, '$.score') from trials where arm = ?";
    expect([query(lab, placebo, "placebo"), query(lab, placebo, "without")]).toEqual([100, 0]);
    // The placebo is nothing that anybody is ever offered.
    expect(query<string>(lab, "select status from skill_versions where version = 2")).toBe("archived");
  });
});
