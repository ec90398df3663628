import { type Command, Option } from "commander";
import {
  experimentNumber,
  ideaNumber,
  isolation,
  json,
  notebook,
  type Run,
  session,
  wholeNumber,
  wholeNumberOrZero,
} from "../options.ts";

/** What an agent that drives asks for. */
export function addDriveCommands(program: Command, run: Run): void {
  const driving = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .addOption(new Option("--tag <name>", "the session; default: the one that is under way"))
      .addOption(isolation())
      .option("--no-probe", "do not try Whetstone's own cheats on the evaluator first")
      .addOption(json());
  const tries = () => import("../commands/try.ts");
  driving("start [lab]", "prepare a session and a workspace for an agent that drives, or reset the workspace")
    .option("--workspace <folder>", "where to edit (default: the lab's .whetstone/workspace)")
    .option("--from <id>", "begin with the change of this experiment, to edit on", wholeNumber)
    .option("--fresh", "begin a new session")
    .option("--seed <n>", "seed of a new session", wholeNumberOrZero)
    .action(run(async (lab, options) => (await tries()).startCommand(lab, options)));
  driving("try [lab]", "measure what was changed in the workspace, decide, and put it on the best state")
    .requiredOption("-m, --message <what>", "what you changed, in one line")
    .requiredOption("--because <mechanism>", "why it should help")
    .option("--expect <prediction>", "what should be seen if it does")
    .option("--idea <id>", "the idea that this takes up", wholeNumber)
    .action(run(async (lab, options) => (await tries()).tryCommand(lab, options)));
  driving("audit [lab]", "measure the baseline against the best state on fresh seeds: the headline")
    .option("--pairs <n>", "pairs to run", wholeNumber, 8)
    .action(run(async (lab, options) => (await tries()).auditCommand(lab, options)));
  notebook(program, "learn <id> [lab]", "what follows from an experiment, for everybody who comes after")
    .option("--confirmed <lesson>", "the hypothesis held; what follows")
    .option("--refuted <lesson>", "it did not; what follows")
    .action(
      run(async (id, lab, options) =>
        (await import("../commands/learn.ts")).learnCommand(experimentNumber(id), lab, options),
      ),
    );
  program
    .command("hook <event> [lab]", { hidden: true })
    .description("called by a coding agent that is about to stop (`whet init --agent` sets it up)")
    .option("--for <agent>", "whose hook it is: claude, codex, gemini, cursor", "claude")
    .action(
      run(async (event, lab, options) =>
        (await import("../commands/hook.ts")).hookCommand(event, lab, options),
      ),
    );
  const ideas = program.command("ideas").description("what might be tried one day: add, list, drop");
  const about = (command: Command) => command.option("--lab <folder>", "the lab").addOption(json());
  const lazyIdeas = () => import("../commands/ideas.ts");
  about(ideas.command("add <text>").description("note an idea")).action(
    run(async (text, options) => (await lazyIdeas()).ideasAddCommand(text, options)),
  );
  about(ideas.command("list", { isDefault: true }).description("the open ideas"))
    .option("--all", "those that were tried or struck off as well")
    .action(run(async (options) => (await lazyIdeas()).ideasListCommand(options)));
  about(ideas.command("drop <id>").description("strike an idea off")).action(
    run(async (id, options) => (await lazyIdeas()).ideasDropCommand(ideaNumber(id), options)),
  );
  program
    .command("mcp [lab]")
    .description("the verbs of an agent that drives as MCP tools: over standard streams, or HTTP on loopback")
    .option("--http", "streamable HTTP on 127.0.0.1 with a bearer token")
    .option("--port <n>", "port for --http (default: any free one)", wholeNumber)
    .option("--token <text>", "token for --http (default: WHET_TOKEN, else a random one, printed once)")
    .addOption(isolation())
    .option("--no-probe", "do not try Whetstone's own cheats on the evaluator first")
    .addOption(session())
    .action(
      run(async (lab, options) =>
        (await import("../commands/mcp.ts")).mcpCommand(lab, {
          ...options,
          version: program.version() ?? "",
        }),
      ),
    );
}
