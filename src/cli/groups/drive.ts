import { type Command, Option } from "commander";
import { UserError } from "../../errors.ts";
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

const sandboxedHelp = `
An agent in a sandbox: whet start [lab] --sandboxed [-- COMMAND...]
  COMMAND (claude, codex, bash, a script) can write the workspace and read what it needs to run. The repository, the
  holdout, .whetstone and the rest of your files are not there. \`whet try\` works in there as it does outside.
  Needs isolation L2 (bubblewrap). The trust grade then need not say that the agent had your rights.`;

const listed = (text: string) => text.split(",").filter((each) => each !== "");

/** The words after `--`, which commander takes for arguments like any other. */
function behindDashes(command: Command): string[] {
  const given = (command.parent as unknown as { rawArgs: string[] }).rawArgs;
  const at = given.indexOf("--");
  return at < 0 ? [] : given.slice(at + 1);
}

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
  driving(
    "start [lab] [command...]",
    "prepare a session and a workspace for an agent that drives, or reset the workspace",
  )
    .option("--workspace <folder>", "where to edit (default: the lab's .whetstone/workspace)")
    .option("--from <id>", "begin with the change of this experiment, to edit on", wholeNumber)
    .option("--fresh", "begin a new session")
    .option("--seed <n>", "seed of a new session", wholeNumberOrZero)
    .option("--sandboxed", "start the command after `--` (default: your shell) in a sandbox of its own")
    .option("--agent <name>", "sandboxed: whose login or key the command gets, where it is a shell or script")
    .option("--hosts <list>", "sandboxed: hosts that it may reach besides its model's", listed)
    .option("--env <names>", "sandboxed: variables of yours that it gets", listed)
    .addHelpText("after", sandboxedHelp)
    .action(
      run(async (lab: string | undefined, more: string[], options, command: Command) => {
        const version = program.version() ?? "";
        const words = behindDashes(command);
        const own = [...(lab === undefined ? [] : [lab]), ...more].slice(0, -words.length || undefined);
        if (own.length > 1 || (words.length > 0 && !options.sandboxed))
          throw new UserError(
            words.length > 0 && !options.sandboxed
              ? "only a sandboxed agent is started by `whet start`"
              : `one lab is started at a time, not ${own.join(" and ")}`,
            "whet start [lab] --sandboxed -- COMMAND",
          );
        if (!options.sandboxed) return (await tries()).startCommand(own[0], options);
        const { sandboxedCommand } = await import("../commands/sandboxed.ts");
        return sandboxedCommand(own[0], words, { ...options, version });
      }),
    );
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
