import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { repository, startWith } from "../support/lab.ts";
import { query } from "../support/ledger.ts";
import { letters, names, skillText, told } from "../support/letters.ts";
import { type ModelRequest, startModelServer } from "../support/modelServer/index.ts";

describe("whet skill improve", () => {
  it("edits, tests, keeps what is better, and tells by a fresh audit what that is worth", async () => {
    const edit = ({ messages }: ModelRequest) => {
      const [, finding, event] = /^([a-z]\d+): .*\n {2}\[(\d+:\d+)/m.exec(messages[0]?.text ?? "") ?? [];
      return JSON.stringify({
        edits: [
          { search: "", replace: "End with the word AMEN.", text: "It is missed.", finding, events: [event] },
        ],
      });
    };
    const server = await startModelServer(
      (request) => {
        if (request.messages[0]?.text.includes("<findings>")) return { text: edit(request) };
        const read = request.messages.some(({ results }) => results.length > 0);
        if (!read && request.tools.some(({ name }) => name === "load_skill"))
          return { tools: [{ name: "load_skill", args: { name: "closing-words" } }] };
        return { text: /End with the word AMEN/.test(told(request)) ? "It is done. AMEN" : "It is done." };
      },
      { main: () => true },
    );
    onTestFinished(() => server.close());
    const sealed = Array(10)
      .fill({})
      .concat([{ sealed: true }, { sealed: true }]);
    const lab = repository({
      "closing-words/SKILL.md": skillText("closing-words", "Be polite."),
      "closing-words/evals/evals.json": letters(names, sealed),
    });
    const whet = (...args: string[]) => startWith({ HOME: lab }, lab, ...args).finished;
    const improve = ["skill", "improve", "closing-words", "--model", "local/m", "--url", `${server.url}/v1`];
    const { code, stdout, stderr } = await whet(...improve, "--test-runs", "12", "--patience", "1");
    expect([code, stderr]).toEqual([0, expect.stringContaining("4 goals train, 6 judge: at alpha 0.04")]);
    expect(stderr).toContain("they can judge 1 edits at most");
    expect(stdout).toMatch(
      /^closing-words: version 1 → 2: \+100\.0 points.*measured afresh by 48 runs on 2 sealed goals/,
    );
    expect(stdout).toContain("opened for 1 versions so far");
    expect(stdout).toMatch(/version 2: keep \+100\.0 points, better by 100 points over 6 tasks \(p 0\.016\)/);
    expect(stdout).toContain("these 6 goals have judged 1 edits of it (1 at most)");
    expect(stdout).toContain("no further one could be shown to be better: give more goals");
    // The text is a person's: what was proven waits for a word.
    expect(query(lab, "select current_version from skills")).toBe(1);
    expect(readFileSync(join(lab, "closing-words", "SKILL.md"), "utf8")).toContain("Be polite.");
    expect((await whet("skill", "diff", "closing-words", "1", "2")).stdout).toContain(
      "+End with the word AMEN.",
    );
    // Said again, it costs nothing: all is on record.
    const asked = server.requests.length;
    const again = await whet(...improve, "--test-runs", "12", "--patience", "1");
    expect(again.stdout).toMatch(/^closing-words: version 1 → 2: \+100\.0 points/);
    expect(server.requests).toHaveLength(asked);
  });

  it("says what the model proposed in vain, why it was dropped, and what that took", async () => {
    let asked = 0;
    const server = await startModelServer(
      (request) => {
        if (!request.messages[0]?.text.includes("<findings>")) return { text: "It is done." };
        const trust = { search: "", replace: "Trust me.", text: "Trust is good." };
        return { text: JSON.stringify({ edits: asked++ === 0 ? [trust] : [] }) };
      },
      { main: () => true },
    );
    onTestFinished(() => server.close());
    const lab = repository({
      "closing-words/SKILL.md": skillText("closing-words", "Be polite."),
      "closing-words/evals/evals.json": letters(names),
    });
    const { code, stdout } = await startWith(
      ...([{ HOME: lab }, lab, "skill", "improve", "closing-words", "--model", "local/m"] as const),
      ...["--url", `${server.url}/v1`, "--test-runs", "12", "--patience", "2"],
    ).finished;
    expect(code).toBe(0);
    const [first, dropped, second, , took] = stdout.split("\n").slice(1);
    expect(first).toMatch(
      /^ {2}no edit: the model proposes some, but none stands on what it cites \(5 runs: cost in dollars not known, \d+ tokens, /,
    );
    expect(dropped).toBe('    proposed, and dropped: "Trust is good.": it cites nothing');
    expect(second).toMatch(/^ {2}no edit: the model proposes none \(5 runs: /);
    expect(took).toMatch(/^all of it took 10 runs: cost in dollars not known, \d+ tokens, /);
    // What was thrown away is told to the model, so that it need not try it again.
    expect(server.requests.at(-1)?.messages.at(-1)?.text).toMatch(
      /tried outcome="not used: it cites nothing"/,
    );
  });
});
