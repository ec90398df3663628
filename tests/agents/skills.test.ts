import { globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agentLoads, liveRunner, openMeter, readSuite } from "../../src/forge/index.ts";
import { type Ledger, openLedger } from "../../src/ledger/index.ts";
import { openSandbox, type Sandbox } from "../../src/sandbox/index.ts";
import { addSkill } from "../../src/skills/index.ts";
import { repositoryAt, startWith, write } from "../support/lab.ts";
import {
  type ModelRequest,
  type ModelServer,
  type Step,
  startModelServer,
} from "../support/modelServer/index.ts";
import { install } from "./install.ts";

const place = mkdtempSync(join(tmpdir(), "whet-skills-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const skill = "closing-words";
const description = "Closing words of letters. Use it to write a letter.";
const instruction = "END EVERY LETTER WITH THE WORD AMEN.";

type Opening = NonNullable<Step["tools"]>[number];
const tool: Opening = { name: "Skill", args: { skill } };
const file: Opening = { op: "read", path: `.agents/skills/${skill}/SKILL.md` };
const shell: Opening = { op: "shell", command: `cd .agents/skills/${skill} && sed -n 1,200p SKILL.md` };

/** Who is tried, from which package, and how it opens a skill: by a tool of its own, by the file, by a command. */
const agents: [who: string, Parameters<typeof install>[0], Opening][] = [
  ["claude", "claude", tool],
  ["codex", "codex", shell],
  ["gemini", "gemini", { name: "activate_skill", args: { name: skill } }],
  ["opencode", "opencode", { name: "skill", args: { name: skill } }],
  ["pi", "pi", file],
  ["acp: claude-agent-acp", "claude-agent-acp", tool],
  ["acp: codex-acp", "codex-acp", { op: "shell", command: `cat .agents/skills/${skill}/SKILL.md` }],
  ["acp: gemini --acp", "gemini", { name: "activate_skill", args: { name: skill } }],
  ["acp: opencode acp", "opencode", { name: "skill", args: { name: skill } }],
];

/** Skills as a person or a project has them lying about, in every folder that some agent looks into. */
function planted(base: string, whose: string): Record<string, string> {
  const folders = [
    ...[".agents/skills", ".claude/skills", ".codex/skills", ".gemini/skills", ".opencode/skills"],
    ...[
      ".opencode/skill",
      ".pi/skills",
      ".pi/agent/skills",
      ".config/opencode/skills",
      ".agents/skills/group",
    ],
  ];
  return Object.fromEntries(
    folders.flatMap((folder) =>
      [`${whose}-skill`, skill, `${whose}-copy`].map((name) => [
        `${base}${folder}/${name}/SKILL.md`,
        `---\nname: ${name.endsWith("copy") ? skill : name}\ndescription: Found in ${folder}. Use it for letters.\n---\nPLANTED ${instruction}\n`,
      ]),
    ),
  );
}

/** Whether a request shows any of them: names and descriptions are what agents tell their model. */
const seesOthers = (asked: string) => /Found in \./.test(asked);

/** All of a request that the agent wrote. */
const words = (request: ModelRequest) => JSON.stringify(request.body);

/** A model that writes the letter as the skill says, if it knows what that says; `opening`: it reads the skill first, by it. */
const writer =
  (opening: Opening | null) =>
  (request: ModelRequest): Step => {
    const worked = request.messages.flatMap(({ results }) => results);
    const offered = words(request).includes(description);
    if (opening && offered && worked.length === 0) return { tools: [opening] };
    const knows = words(request).includes(instruction);
    if (worked.length === (knows ? 1 : 0))
      return {
        tools: [{ op: "write", path: "letter.txt", content: knows ? "Dear Ada, AMEN\n" : "Dear Ada\n" }],
      };
    return { text: "The letter is written." };
  };

/** What leads an agent to the server, and to nothing else. */
const reaching = (server: ModelServer, bin: string) => ({
  PATH: [bin, process.env.PATH].join(delimiter),
  ...{ ANTHROPIC_API_KEY: "sk-mine", OPENAI_API_KEY: "sk-mine", GEMINI_API_KEY: "sk-mine" },
  ...{ ANTHROPIC_BASE_URL: server.url, OPENAI_BASE_URL: server.url, GOOGLE_GEMINI_BASE_URL: server.url },
});

const best = await openSandbox();
const levels = [{}, ...(best.isolation.level === "L0" ? [] : [{ level: "L0" as const }])];

describe.concurrent.each(agents)("a skill in the hands of the real %s", (who, name, opening) => {
  let bin: string;
  beforeAll(async () => {
    bin = await install(name);
    // Its tool for skills needs ripgrep. Codex comes with one.
    if (name === "opencode")
      bin +=
        delimiter +
        globSync(join(await install("codex"), "..", "@openai", "*", "vendor", "*", "codex-path"))[0];
  }, 600_000);

  /** A project with a library of one skill, and a home, both full of other skills. */
  async function settled(open: boolean, sandbox: Sandbox = best) {
    const at = mkdtempSync(join(place, `${name}-`));
    write(at, planted("home/", "home"));
    const root = repositoryAt(join(at, "project"), { ...planted("", "project"), "notes.txt": "none\n" });
    const check = [
      "test -f .claude/skills/project-skill/SKILL.md",
      ...[`.claude/skills/${skill}`, `.agents/skills/${skill}`].map(
        (path) => `grep -q PLANTED ${path}/SKILL.md`,
      ),
    ];
    write(root, {
      "suite/ada.md": `---\ncriteria:\n  - command: grep -q AMEN letter.txt\n  - command: ${check.join(" && ")}\n---\nWrite letter 1 to Ada.\n`,
    });
    const server: ModelServer = await startModelServer(writer(open ? opening : null));
    const ledger: Ledger = await openLedger(join(root, ".whetstone", "ledger.db"));
    const { versionId } = await addSkill(ledger, {
      skill: {
        ...{ name: skill, description, instructions: instruction },
        ...{ metadata: {}, allowedTools: [], files: new Map() },
      },
      origin: "person",
    });
    const options = {
      ...{ ledger, root, sandbox, versionId, meter: openMeter({}) },
      who: { agent: who, model: null, judge: null },
      env: { HOME: join(at, "home"), ...reaching(server, bin) },
    };
    const { goals, paths: hide } = await readSuite(join(root, "suite"), { project: root });
    const run = liveRunner(options).trials({ goals, hide, skill, versions: { with: versionId } });
    const trial = async (arm: "with" | "without") => {
      const before = server.requests.length;
      const { trial } = await run({ arm, task: "ada", replicate: 1, seed: 1 });
      return { ...trial, asked: server.requests.slice(before).map(words) };
    };
    const close = async () => {
      await server.close();
      await ledger.close();
    };
    return { server, options: { ...options, hide }, trial, close };
  }

  it.each(levels)(
    "is found, opened and of use in the treatment, and out of reach in the control (%o)",
    async (level) => {
      const { trial, close } = await settled(true, await openSandbox(level));
      const [treatment, control] = [await trial("with"), await trial("without")];
      await close();
      expect(treatment.asked.some((asked) => asked.includes(description))).toBe(true);
      expect(treatment).toMatchObject({ loaded: true, score: 100 });
      expect(control.asked.some((asked) => asked.includes(description))).toBe(false);
      // It does its work all the same, and the project's skills are as they were in what it leaves.
      expect(control).toMatchObject({ loaded: false, score: 50, toolCalls: 1 });
      expect([...treatment.asked, ...control.asked].some(seesOthers)).toBe(false);
    },
  );

  it("counts as not loaded when it is only offered", async () => {
    const { trial, close } = await settled(false);
    const treatment = await trial("with");
    await close();
    expect(treatment.asked.some((asked) => asked.includes(description))).toBe(true);
    expect(treatment).toMatchObject({ loaded: false, score: 50 });
  });

  it("is read at a question or not, which is seen without waiting for the work to be done", async () => {
    const { server, options, close } = await settled(true);
    expect(await agentLoads(options)("Write letter 2 to Bob.")).toBe(true);
    expect(server.requests.map(words).some((asked) => asked.includes("The letter is written"))).toBe(false);
    await close();
    const deaf = await settled(false);
    expect(await agentLoads(deaf.options)("Write letter 2 to Bob.")).toBe(false);
    await deaf.close();
  });
});

describe("whet skill test --agent codex", () => {
  let bin: string;
  beforeAll(async () => {
    bin = await install("codex");
  }, 600_000);

  it("says that a skill helps without which its agent fails, and when it is read", async () => {
    const at = mkdtempSync(join(place, "cli-"));
    const names = ["Ada", "Bob", "Cy", "Dee", "Eva", "Flo"];
    const evals = names.map((name, index) => ({
      ...{ id: index + 1, prompt: `Write letter ${index} to ${name}.`, files: [] },
      expectations: [{ command: "grep -q AMEN letter.txt" }],
    }));
    const root = repositoryAt(join(at, "project"), {
      ...planted("", "project"),
      [`mine/${skill}/SKILL.md`]: `---\nname: ${skill}\ndescription: ${description}\n---\n\n${instruction}\n`,
      [`mine/${skill}/evals/evals.json`]: JSON.stringify({ skill_name: skill, evals }),
    });
    write(at, planted("home/", "home"));
    const answer = writer(shell);
    const server = await startModelServer((request) =>
      /Write letter \d/.test(words(request)) ? answer(request) : { text: "Canberra." },
    );
    const { finished } = startWith(
      { HOME: join(at, "home"), ...reaching(server, bin) },
      ...([
        root,
        "skill",
        "test",
        `mine/${skill}`,
        "--agent",
        "codex",
        "--test-runs",
        "24",
        "--json",
      ] as const),
    );
    const { code, stdout, stderr } = await finished;
    await server.close();
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: { outcome: "better", invalid: null, loaded: { control: 0, treatment: 1 } },
      trigger: { sensitivity: 1, specificity: 1, stopped: null },
    });
    expect(server.requests.map(words).some(seesOthers)).toBe(false);
  });
});
