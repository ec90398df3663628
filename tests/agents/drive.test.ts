import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { stringify } from "smol-toml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { json, knobs, log } from "../support/knobs.ts";
import { git, repositoryAt, whet, write } from "../support/lab.ts";
import { type Step, startModelServer } from "../support/modelServer/index.ts";
import { install } from "./install.ts";

const place = mkdtempSync(join(tmpdir(), "whet-drive-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

/** How each is started by its user, in a project that `whet init --agent` has set up and the user trusts. */
interface Driver {
  name: "claude" | "codex" | "gemini" | "opencode";
  argv: string[];
  env: Record<string, string>;
  /** Whether the hook that it was set up with sends it back to work when it stops too early. */
  hook: boolean;
  /** Files below its home. */
  files: (url: string, lab: string) => Record<string, string>;
}
const drivers: Driver[] = [
  {
    name: "claude",
    argv: ["-p", "--permission-mode", "acceptEdits", "--allowedTools", "mcp__whetstone"],
    hook: true,
    env: { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1", ENABLE_TOOL_SEARCH: "false" },
    files: () => ({ ".claude/settings.json": JSON.stringify({ enableAllProjectMcpServers: true }) }),
  },
  {
    name: "codex",
    argv: ["exec", "--sandbox", "workspace-write", "-c", "mcp_servers.whetstone.required=true", "-"],
    env: {},
    hook: false,
    files: (url, lab) => ({
      ".codex/config.toml": stringify({
        ...{ model_provider: "scripted", analytics: { enabled: false } },
        model_providers: {
          scripted: {
            name: "scripted",
            base_url: `${url}/v1`,
            ...{ wire_api: "responses", env_key: "OPENAI_API_KEY" },
          },
        },
        projects: { [lab]: { trust_level: "trusted" } },
      }),
    }),
  },
  {
    name: "gemini",
    argv: ["-m", "scripted", "--approval-mode", "yolo"],
    hook: true,
    env: { GEMINI_CLI_TRUST_WORKSPACE: "true" },
    files: () => ({
      ".gemini/settings.json": JSON.stringify({ security: { auth: { selectedType: "gemini-api-key" } } }),
    }),
  },
  {
    name: "opencode",
    argv: ["run", "-m", "anthropic/claude-sonnet-4-6"],
    hook: false,
    env: { OPENCODE_DISABLE_MODELS_FETCH: "1", OPENCODE_DISABLE_AUTOUPDATE: "1" },
    files: (url) => ({
      ".config/opencode/opencode.json": JSON.stringify({
        ...{ enabled_providers: ["anthropic"], permission: { edit: "allow" } },
        provider: { anthropic: { options: { baseURL: `${url}/v1` } } },
      }),
    }),
  },
];

describe.concurrent.each(drivers)("the real $name at the wheel", ({ name, argv, env, hook, files }) => {
  let bin: string;
  beforeAll(async () => {
    bin = await install(name);
  }, 600_000);

  it("is led from start to lesson by the MCP server that it was set up with", async () => {
    const lab = repositoryAt(mkdtempSync(join(place, "lab-")), knobs("session: { experiments: 2 }"));
    expect((await whet(lab, "init", "--agent", name)).code).toBe(0);
    const tool = (call: string, args: Record<string, unknown> = {}): Step => ({
      tools: [{ op: "mcp", server: "whetstone", tool: call, args }],
    });
    const edit = (knob: string, value: number): Step[] => {
      const path = join(lab, ".whetstone", "workspace", "knobs.json");
      const now = `  "${knob}": ${value},`;
      return [
        { tools: [{ op: "read", path }] },
        { tools: [{ op: "edit", path, old: `  "${knob}": 1,`, new: now }] },
        tool("try", { what: `${knob} is ${value}`, because: "it is nearer to its best" }),
      ];
    };
    const learnt = { id: 1, hypothesis: "confirmed", lesson: "nearer is better" };
    const server = await startModelServer([
      tool("start"),
      ...edit("a", 8),
      tool("learn", learnt),
      ...(hook ? [{ text: "That is enough for today." }] : []),
      ...edit("b", 4),
      { text: "The limit is reached." },
    ]);
    const home = mkdtempSync(join(place, "home-"));
    write(home, files(server.url, lab));
    for (const folder of ["bin", "tmp"]) mkdirSync(join(home, folder));
    symlinkSync(join(import.meta.dirname, "..", "..", "bin", "whet.cjs"), join(home, "bin", "whet"));
    const path = [bin, join(home, "bin"), dirname(process.execPath), process.env.PATH];
    const child = spawn(join(bin, name), argv, {
      cwd: lab,
      env: {
        // Codex makes its sandbox's helpers in its home only where that is not below the temporary files.
        ...{ PATH: path.join(delimiter), HOME: home, TMPDIR: join(home, "tmp"), ...env },
        ...{ ANTHROPIC_API_KEY: "sk-mine", OPENAI_API_KEY: "sk-mine", GEMINI_API_KEY: "sk-mine" },
        ...{ ANTHROPIC_BASE_URL: server.url, GOOGLE_GEMINI_BASE_URL: server.url },
      },
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        said += chunk.toString();
      });
    child.stdin.end("Go on with the research.");
    const code = await new Promise((resolve) => child.once("close", resolve));
    await server.close();
    expect(said).toContain("The limit is reached.");
    expect(code).toBe(0);
    expect(await log(lab)).toMatchObject([
      { status: "keep", what: "a is 8" },
      { status: "keep", what: "b is 4" },
    ]);
    const { branch } = await json<{ branch: string }>(lab, "status");
    expect(JSON.parse(git(lab, "show", `${branch}:knobs.json`))).toEqual({ a: 8, b: 4, c: 1 });
    expect((await whet(lab, "show", "1")).stdout).toContain("nearer is better");
  });
});
