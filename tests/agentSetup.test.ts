import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { parse as parseToml } from "smol-toml";
import { describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { git, noisyLab, repository, startWith, whet, write } from "./support/lab.ts";

const agents = ["claude", "codex", "gemini", "opencode", "pi", "cursor"];

function labs(program = ""): string {
  const files: Record<string, string> = {};
  for (const lab of ["one", "two"])
    for (const [path, text] of Object.entries(noisyLab({ program }))) files[`labs/${lab}/${path}`] = text;
  return repository(files);
}

const text = (root: string, path: string) => readFileSync(join(root, path), "utf8");
const data = (root: string, path: string) => JSON.parse(text(root, path));

describe("whet init --agent", () => {
  it("writes a skill that is valid by the specification, and a second time changes nothing", async () => {
    const root = labs();
    for (const agent of agents) {
      const ran = await whet(root, "init", "labs/one", "--agent", agent);
      expect(ran.stderr).toBe("");
      expect(ran.code).toBe(0);
      const before = git(root, "status", "--porcelain", "--untracked-files=all");
      const again = await whet(root, "init", "labs/one", "--agent", agent);
      expect(again.stdout).not.toContain("written");
      expect(git(root, "status", "--porcelain", "--untracked-files=all")).toBe(before);
    }
    for (const place of [".agents/skills", ".claude/skills"]) {
      const skill = text(root, `${place}/whetstone/SKILL.md`);
      const [, front = "", body = ""] = /^---\n([\s\S]*?)\n---\n([\s\S]*)$/.exec(skill) ?? [];
      const meta = parseYaml(front) as Record<string, unknown>;
      const allowed = ["name", "description", "license", "compatibility", "metadata", "allowed-tools"];
      expect(Object.keys(meta).filter((key) => !allowed.includes(key))).toEqual([]);
      expect(meta.name).toBe("whetstone");
      expect(String(meta.description).length).toBeLessThanOrEqual(1024);
      expect(String(meta.description)).not.toMatch(/[<>]/);
      expect(String(meta.compatibility).length).toBeLessThanOrEqual(500);
      for (const value of Object.values(meta.metadata as object)) expect(typeof value).toBe("string");
      expect(skill.split("\n").length).toBeLessThan(120);
      expect(body).toContain("whet try -m");
      expect(body).toContain("whet start labs/one");
      for (const said of [/in the background/, /"doubt" waits/, /INVALID.*scorer.*refused/, /none is set/])
        expect(body).toMatch(said);
    }
    // Every command that the skill names is one.
    const help = (await whet(root, "--help")).stdout;
    const skill = text(root, ".agents/skills/whetstone/SKILL.md");
    for (const [, name] of skill.matchAll(/`?whet ([a-z]+)/g))
      if (name !== "command") expect(help).toMatch(new RegExp(`^ {2}${name}\\b`, "m"));
  });

  it("configures each agent at the repository's root, for a lab below it", async () => {
    const root = labs();
    for (const agent of agents) await whet(root, "init", "labs/one", "--agent", agent);
    const server = { command: "whet", args: ["mcp", "labs/one"] };
    expect(data(root, ".mcp.json").mcpServers.whetstone).toEqual(server);
    expect(data(root, ".claude/settings.json").hooks.Stop[0].hooks[0].command).toBe(
      "whet hook stop --for claude labs/one",
    );
    expect(parseToml(text(root, ".codex/config.toml"))).toMatchObject({ mcp_servers: { whetstone: server } });
    expect(data(root, ".codex/hooks.json").hooks.Stop).toHaveLength(1);
    expect(data(root, ".gemini/settings.json")).toMatchObject({
      mcpServers: { whetstone: server },
      hooks: { AfterAgent: [{}] },
    });
    expect(data(root, "opencode.json").mcp.whetstone.command).toEqual(["whet", "mcp", "labs/one"]);
    expect(data(root, ".cursor/mcp.json").mcpServers.whetstone).toEqual(server);
    expect(data(root, ".cursor/hooks.json")).toMatchObject({ version: 1, hooks: { stop: [{}] } });
    // A second lab joins the skill.
    await whet(root, "init", "labs/two", "--agent", "pi");
    expect(text(root, ".agents/skills/whetstone/SKILL.md")).toContain("Labs here: labs/one, labs/two");
  });

  it("keeps what is there, and says so where it cannot add to it", async () => {
    const root = labs();
    write(root, {
      ".mcp.json": '{\n\t"mcpServers": {"other": {"command": "x"}}\n}\n',
      ".codex/config.toml": '# mine\nmodel = "m"',
      ".claude/settings.json": "{ // not JSON\n}",
      ".claude/skills/whetstone/SKILL.md": "---\nname: whetstone\ndescription: mine\n---\nmine\n",
    });
    symlinkSync("/tmp", join(root, ".cursor"));
    const claude = await whet(root, "init", "labs/one", "--agent", "claude");
    expect(claude.stdout).toContain("settings.json was left alone");
    expect(claude.stdout).toContain("somebody else's");
    expect(text(root, ".claude/settings.json")).toBe("{ // not JSON\n}");
    expect(text(root, ".claude/skills/whetstone/SKILL.md")).toContain("mine");
    expect(data(root, ".mcp.json").mcpServers.other).toEqual({ command: "x" });
    expect(text(root, ".mcp.json")).toContain('\n\t"mcpServers"');
    await whet(root, "init", "labs/one", "--agent", "codex");
    expect(
      text(root, ".codex/config.toml").startsWith('# mine\nmodel = "m"\n\n[mcp_servers.whetstone]\n'),
    ).toBe(true);
    const cursor = await whet(root, "init", "labs/one", "--agent", "cursor");
    expect(cursor.stdout).toContain("is a link");
    expect(readdirSync("/tmp")).not.toContain("mcp.json");
    const unknown = await whet(root, "init", "labs/one", "--agent", "nobody");
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain("take one of claude");
  });

  it("leaves alone what cannot be read or is no file, and lets nobody read more than before", async () => {
    const root = labs();
    write(root, { ".mcp.json": "{}\n", ".mcp.json.new": "mine\n", ".claude/settings.json/x": "a folder\n" });
    mkdirSync(join(root, ".agents/skills/whetstone/SKILL.md"), { recursive: true });
    chmodSync(join(root, ".mcp.json"), 0o600);
    const ran = await whet(root, "init", "labs/one", "--agent", "claude");
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/settings\.json was left alone/);
    expect(ran.stdout).toMatch(/\.agents\/skills\/whetstone\/SKILL\.md is somebody else's/);
    expect(data(root, ".mcp.json").mcpServers).toHaveProperty("whetstone");
    expect(statSync(join(root, ".mcp.json")).mode & 0o777).toBe(0o600);
    expect(text(root, ".mcp.json.new")).toBe("mine\n");
  });

  it("writes the contract first where there is none", async () => {
    const root = repository({ "train.mjs": "console.log('loss: 1')\n" });
    const args = ["--metric", "loss", "--direction", "minimize", "--change", "train.mjs"];
    const ran = await whet(root, "init", "--agent", "pi", "--yes", "--run", "node train.mjs", ...args);
    expect(ran.code, ran.stderr).toBe(0);
    expect(text(root, "program.md")).toContain("metric: loss");
    expect(text(root, ".agents/skills/whetstone/SKILL.md")).toContain("Labs here: .");
  });
});

describe("the stop hook", () => {
  const stop = async (root: string, told: object, agent = "claude") => {
    const ran = startWith({}, root, "hook", "stop", "--for", agent, "labs/one");
    ran.child.stdin?.end(JSON.stringify(told));
    const { code, stdout, stderr } = await ran.finished;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return stdout === "" ? null : JSON.parse(stdout);
  };

  it("keeps the agent that drives going until a limit is reached, and nobody else", async () => {
    const root = labs("session: {experiments: 1}");
    expect(await stop(root, {})).toBeNull();
    const transcript = join(root, "transcript.jsonl");
    writeFileSync(transcript, "");
    const started = await whet(root, "start", "labs/one", "--json", "--no-probe");
    const { workspace } = JSON.parse(started.stdout);
    const told = { cwd: root, transcript_path: transcript };
    expect(await stop(root, told)).toMatchObject({
      decision: "block",
      reason: expect.stringContaining(workspace),
    });
    expect(await stop(root, { ...told, cwd: workspace }, "cursor")).toHaveProperty("followup_message");
    expect(await stop(root, told, "gemini")).toMatchObject({ decision: "deny" });
    // It has been told three times without trying anything.
    expect(await stop(root, told)).toBeNull();
    // An agent that began later does not drive this session.
    const later = join(root, "later.jsonl");
    writeFileSync(later, "");
    writeFileSync(join(root, "labs/one/.whetstone/hook.json"), "{}");
    expect(await stop(root, { cwd: root, transcript_path: later })).toBeNull();
    expect(await stop(root, told)).not.toBeNull();
    writeFileSync(join(workspace, "train.mjs"), `${text(workspace, "train.mjs")}// more\n`);
    await whet(workspace, "try", "-m", "a comment", "--because", "none", "--no-probe");
    expect(await stop(root, told)).toBeNull();
  });

  it("lets an agent stop that no limit would ever end", async () => {
    const root = labs();
    await whet(root, "start", "labs/one", "--no-probe");
    expect(await stop(root, { cwd: root })).toBeNull();
  });
});
