import {
  type Agent,
  acpAgent,
  type ModelChoice,
  openAgent,
  type ProvidedModel,
  provideModel,
} from "../agents/index.ts";
import { parseResearcher, type ResearcherChoice } from "../contract/index.ts";
import { UserError } from "../errors.ts";
import type { Sandbox } from "../sandbox/index.ts";
import { type AgentFile, discoverAgents } from "./agentFile.ts";
import type { Goal } from "./goal.ts";
import type { Candidate } from "./matcher.ts";
import { type ModelAgent, modelAgent } from "./modelAgent.ts";
import type { TaskSkills } from "./skillSource.ts";
import { allowedTools, toolName } from "./tools/index.ts";

/** An agent that can be given tasks. */
export interface Member extends Candidate {
  /** Its role: for coding agents before the task, for the built-in one in its instructions already. */
  prompt: string;
  /** `provider/model`, where it is known. */
  model: string | null;
  work: { kind: "model"; agent: ModelAgent } | { kind: "agent"; agent: Agent };
}

/** A member's agent with what a task is given of skills. */
export function equipped({ work }: Member, { prompt, tools }: TaskSkills): Agent {
  if (work.kind === "agent") return work.agent;
  return work.agent.with({
    ...(prompt === undefined ? {} : { prompt }),
    ...(tools === undefined ? {} : { tools }),
  });
}

export interface Surroundings {
  /** The user's environment: keys are looked up here. */
  env: Readonly<Record<string, string | undefined>>;
  sandbox: Sandbox;
  seed?: number;
  onNotice?: (text: string) => void;
}

/** `provider/model` as a model that can be asked; `servers` of the goal add providers. */
export async function provide(
  goal: Pick<Goal, "servers">,
  model: string,
  env: Surroundings["env"],
): Promise<ProvidedModel> {
  const choice = parseResearcher(`model: ${model}`) as ModelChoice | null;
  if (choice === null) throw new UserError(`${model} is no model`, "write provider/model");
  return provideModel({ ...choice, ...goal.servers[model.split("/")[0] as string] }, env);
}

/**
 * Opens a goal's agents: those that it names (files of agents/, or researchers' kinds), else all that the project
 * describes, else the built-in one with the goal's model.
 *
 * @throws UserError when there is none, one is unknown, or a key is missing.
 */
export async function openTeam(goal: Goal, root: string, around: Surroundings): Promise<Member[]> {
  const { agents: files, problems } = await discoverAgents(root);
  for (const { path, problem } of problems)
    around.onNotice?.(`${path}:${problem.line}: ${problem.what}: this agent is left out`);
  if (goal.agents.length > 0)
    return Promise.all(
      goal.agents.map(async (name) => {
        const file = files.find((each) => each.name === name);
        if (file) return openFile(file, goal, around);
        const choice =
          parseResearcher(name) ?? (/^[^/\s]+\/\S+$/.test(name) ? parseResearcher(`model: ${name}`) : null);
        if (choice && choice.kind !== "search") return openChoice(choice, null, goal, around);
        const known = files.map((each) => each.name).join(", ");
        throw new UserError(
          `there is no agent "${name}"`,
          `write claude, codex, gemini, opencode, pi, \`command: ...\`, \`acp: ...\`, \`model: provider/name\`, or describe it in agents/${name}.md${known ? ` (there are ${known})` : ""}`,
        );
      }),
    );
  if (files.length > 0) return Promise.all(files.map((file) => openFile(file, goal, around)));
  if (goal.model !== undefined)
    return [
      await openChoice(parseResearcher(`model: ${goal.model}`) as ResearcherChoice, null, goal, around),
    ];
  throw new UserError(
    "nobody is there to do the work",
    "name an agent (--agent claude) or a model for the built-in one (--model provider/name)",
  );
}

async function openFile(file: AgentFile, goal: Goal, around: Surroundings): Promise<Member> {
  const said = file.runs ?? ((file.model ?? goal.model) ? `model: ${file.model ?? goal.model}` : null);
  if (said === null)
    throw new UserError(
      `the agent ${file.name} has no model`,
      "write `model: provider/name` or `agent: claude` in its file, or give --model",
    );
  const choice = parseResearcher(said);
  if (choice === null || choice.kind === "search")
    throw new UserError(`the agent ${file.name} cannot be run by ${said}`, "write `agent: claude`");
  return openChoice(choice, file, goal, around);
}

async function openChoice(
  choice: ResearcherChoice,
  file: AgentFile | null,
  goal: Goal,
  around: Surroundings,
): Promise<Member> {
  const member = {
    ...{ name: file?.name ?? choice.name, description: file?.description ?? "does any task" },
    ...{ skills: file?.skills ?? [], prompt: file?.prompt ?? "" },
  };
  if (choice.kind === "model") {
    const provided = await provide(goal, choice.model, around.env);
    const within = allowedTools(goal.tools);
    const own = file && file.tools.length > 0 ? allowedTools(file.tools) : within;
    const tools = own.filter((tool) => within.includes(tool));
    return {
      ...{ ...member, model: choice.model },
      tools: [...tools, ...Object.keys(goal.mcp)],
      work: {
        kind: "model",
        agent: modelAgent(provided, {
          ...{ sandbox: around.sandbox, tools, name: member.name, prompt: member.prompt },
          mcp: Object.entries(goal.mcp).map(([name, server]) => ({ name, ...server })),
          ...(around.seed === undefined ? {} : { seed: around.seed }),
        }),
      },
    };
  }
  if (choice.kind === "search") throw new Error("the search does no tasks");
  const agent = choice.kind === "acp" ? acpAgent(choice, around, ["**"]) : await openAgent(choice, around);
  return {
    ...member,
    model: choice.kind === "agent" ? (choice.model ?? null) : null,
    tools: (file?.tools ?? []).map(toolName),
    work: { kind: "agent", agent },
  };
}
