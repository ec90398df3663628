import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { json, log, status } from "./support/knobs.ts";
import { repository, startWith, whet, write } from "./support/lab.ts";
import { query } from "./support/ledger.ts";
import { startModelServer } from "./support/modelServer/index.ts";
import { noteLab } from "./support/scripted.ts";

const key = "sk-never-on-record";
/** Without bubblewrap an agent sees the machine's files. */
const hasWalls = spawnSync("bwrap", ["--unshare-all", "--ro-bind", "/", "/", "true"]).status === 0;

/** A model's answer: one hypothesis, and the note anew. */
const note = (what: string, text: string) => ({
  text: `<what>${what}</what>\n<because>it is long</because>\n<expect>fewer bytes</expect>\n<file path="note.txt">\n${text}\n</file>\n`,
  usage: { input: 1200, output: 80 },
});

describe("`whet run` with the researcher of the contract", () => {
  it("asks a model: a keep, a refusal waited for, a malformed answer, a crash and its repair, all on record", async () => {
    const server = await startModelServer(
      [
        note("half the note", "x".repeat(200)),
        { status: 429, message: "slow down", retryAfter: 1 },
        { text: "I would rather not say." },
        note("a bold one", "CRASH"),
        note("the bold one, mended", "x".repeat(100)),
      ],
      { main: () => true },
    );
    onTestFinished(() => server.close());
    const lab = repository(
      noteLab(`researcher: { model: local/mind, url: "${server.url}/v1", key: MIND_KEY, name: mind }`),
    );
    const ran = await startWith(
      { MIND_KEY: key },
      lab,
      ...["run", "--no-probe", "--audit", "0", "--experiments", "3", "--isolation", "L0"],
    ).finished;
    expect(ran.stderr).toBe("");
    expect(ran.stdout).toMatch(/mind can be asked again in \d+ s/);
    expect((await log(lab)).map(({ status: kind, what, researcher }) => [kind, what, researcher])).toEqual([
      ["keep", "half the note", "mind"],
      ["crash", "a bold one", "mind"],
      ["keep", "repair of #2: the bold one, mended", "mind"],
    ]);
    const { arms } = await status(lab);
    expect(arms).toMatchObject([{ researcher: "mind", cost: { fruitless: 1, dollars: null } }]);
    expect(query(lab, "select group_concat(purpose || ' ' || ending, ', ') from turns")).toBe(
      "propose done, propose rate, propose malformed, propose done, repair done",
    );
    const traced = await json<{ prompt: string }[]>(lab, "trace", "3");
    expect(traced[0]?.prompt).toMatch(/Repair experiment #2[\s\S]*boom: the text is bad/);
    expect((await whet(lab, "trace", "1")).stdout).toMatch(/1,200 tokens in, 80 out, money not known/);
    // The server's prices are not known: a limit on money is refused.
    const limited = await startWith({ MIND_KEY: key }, lab, "run", "--money", "1", "--isolation", "L0")
      .finished;
    expect(limited.stderr).toMatch(/a limit on money cannot be kept with mind/);
    const dump = query<string>(lab, "select group_concat(hex(prompt) || hex(raw) || message) from turns");
    expect(dump).not.toContain(Buffer.from(key).toString("hex").toUpperCase());
  });

  it("says before the baseline that a model's key is missing", async () => {
    const lab = repository(
      noteLab("researcher: { model: local/mind, url: 'http://127.0.0.1:1/v1', key: MIND_KEY }"),
    );
    const ran = await whet(lab, "run", "--no-probe", "--audit", "0", "--isolation", "L0");
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/MIND_KEY/);
    expect(ran.stdout).toBe("");
    expect(existsSync(join(lab, ".whetstone", "ledger.db"))).toBe(false);
  });

  it("starts a command that edits files, and takes what it changed for the proposal", async () => {
    const lab = repository({
      ...noteLab(),
      "agent.sh": [
        "cat > /dev/null",
        "tail -c 201 note.txt > short && cat short > note.txt && rm short",
        "echo 'WHAT: the first half is gone'",
        "echo 'BECAUSE: nobody reads it'",
        "echo 'EXPECT: half the bytes'",
      ].join("\n"),
    });
    const ran = await whet(
      lab,
      ...["run", "--no-probe", "--audit", "0", "--experiments", "1", "--researcher", "command: sh agent.sh"],
    );
    expect(ran.stderr).toBe("");
    expect(await log(lab)).toMatchObject([
      { status: "keep", what: "the first half is gone", researcher: "command" },
    ]);
    expect((await whet(lab, "trace", "1", "--raw")).stdout).toMatch(/BECAUSE: nobody reads it/);
    const forbidden = await whet(
      lab,
      ...["run", "--no-probe", "--audit", "0", "--experiments", "2", "--researcher"],
      "command: echo free > program.md",
    );
    expect(forbidden.stderr).toBe("");
    expect((await log(lab))[1]).toMatchObject({
      status: "invalid",
      reason: expect.stringMatching(/program\.md/),
    });
    const limited = await whet(lab, "run", "--tokens", "1000", "--researcher", "command: true");
    expect(limited.stderr).toMatch(/a limit on tokens cannot be kept with command/);
  });

  it.skipIf(!hasWalls)("shows an agent that lies in the repository nothing else of that", async () => {
    const lab = repository({
      ...noteLab(),
      "agent.sh": 'find "$(dirname "$0")" -type f > note.txt\necho "WHAT: what is seen"\n',
      "draft.sh": "echo never",
    });
    write(lab, { "uncommitted.txt": "mine" });
    const args = ["run", "--no-probe", "--audit", "0", "--experiments", "1", "--researcher"];
    const ran = await whet(lab, ...args, `command: sh "${lab}/agent.sh"`);
    expect(ran.stderr).toBe("");
    const diff = (await whet(lab, "diff", "1")).stdout;
    expect(diff).toContain(`+${lab}/agent.sh\n`);
    expect(diff).not.toMatch(/ledger\.db|uncommitted|program\.md/);
    args[args.indexOf("1")] = "2";
    const refused = await whet(lab, ...args, `command: sh "${lab}/agent.sh" "${lab}/uncommitted.txt"`);
    expect(refused.stdout + refused.stderr).toMatch(/uncommitted\.txt is not shown to an agent/);
  });

  it("counts the call in which it was killed: what it cost is not known, and not nothing", async () => {
    const lab = repository(noteLab());
    const asked = join(lab, "asked");
    const args = ["run", "--no-probe", "--audit", "0", "--experiments", "1", "--isolation", "L0"];
    const first = startWith({}, lab, ...args, "--researcher", `command: touch '${asked}'; sleep 60`);
    while (!existsSync(asked)) await sleep(20);
    first.child.kill("SIGKILL");
    await first.finished;
    const again = await whet(lab, ...args, "--researcher", "command: cat > /dev/null; echo x > note.txt");
    expect(again.stderr).toBe("");
    const all = "select group_concat(ending || ' ' || coalesce(dollars, 'unknown'), ', ') from turns";
    expect(query(lab, all)).toBe("cancelled unknown, done unknown");
    await whet(lab, "run", "--no-probe", "--audit", "0", "--experiments", "1", "--isolation", "L0");
    expect(query(lab, "select count(*) from turns")).toBe(2);
    expect((await status(lab)).arms).toMatchObject([{ cost: { fruitless: 1 } }]);
  });

  it("cuts off a command that hangs, records the turn, and goes on", async () => {
    const place = mkdtempSync(join(tmpdir(), "whet-hang-"));
    onTestFinished(() => rmSync(place, { recursive: true, force: true }));
    const lab = repository({
      ...noteLab("researcher: { command: sh agent.sh, time: 2s }"),
      "agent.sh": [
        `if mkdir ${place}/begun; then echo thinking; sleep 60; fi`,
        "echo short > note.txt",
        "echo 'WHAT: one word'",
      ].join("\n"),
    });
    // Only where nothing is enforced can a turn leave a sign for the next one.
    const ran = await whet(
      lab,
      ...["run", "--no-probe", "--audit", "0", "--experiments", "1", "--isolation", "L0"],
    );
    expect(ran.stderr).toBe("");
    expect(ran.stdout).toMatch(/command came with nothing: .*2 s/);
    expect(ran.stdout).toMatch(/command: not enforced: the agent can read and write your files/);
    expect(await log(lab)).toMatchObject([{ status: "keep", what: "one word", researcher: "command" }]);
    const failed = await whet(lab, "trace", "--failed");
    expect(failed.stdout).toMatch(/command {2}timeout[\s\S]*thinking/);
  });

  it("ends with what is missing when an agent's program is not there", async () => {
    const lab = repository(noteLab());
    const ran = await startWith(
      { PATH: process.env.PATH ?? "", ANTHROPIC_API_KEY: key },
      lab,
      ...["run", "--no-probe", "--audit", "0", "--researcher", "command: no-such-agent-anywhere"],
    ).finished;
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/no-such-agent-anywhere is not on your PATH/);
    expect(existsSync(join(lab, ".whetstone", "ledger.db"))).toBe(false);
  });

  it("refuses before the baseline whoever cannot be asked, and a limit that could not be kept", async () => {
    const lab = repository(noteLab());
    // Only the system's programs, and nobody's key or login.
    const bare = { PATH: "/usr/bin:/bin", HOME: lab, ANTHROPIC_API_KEY: "", CLAUDE_CODE_OAUTH_TOKEN: "" };
    for (const [args, complaint] of [
      [["--researcher", "claude"], /claude is not on your PATH: install/],
      [["--researcher", "acp: no-such-agent --acp"], /no-such-agent is not on your PATH/],
      [["--researcher", "model: anthropic/x"], /ANTHROPIC_API_KEY/],
      [["--researcher", "command: cat", "--tokens", "9"], /a limit on tokens cannot be kept with command/],
      [["--researcher", "command: cd . && cat", "--money", "1"], /a limit on money cannot be kept/],
    ] as const) {
      const ran = await startWith(bare, lab, "run", "--no-probe", ...args).finished;
      expect(ran.stderr).toMatch(complaint);
      expect(ran.code).toBe(2);
      expect(ran.stdout).toBe("");
    }
    expect(existsSync(join(lab, ".whetstone", "ledger.db"))).toBe(false);
  });
});
