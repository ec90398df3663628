import { readFileSync } from "node:fs";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { UserError } from "../errors.ts";
import { report } from "./output.ts";

/**
 * The command line: each command is loaded when it is used, so that `whet status` does not wait for what only
 * `whet run` needs.
 */
async function main(argv: readonly string[]): Promise<number> {
  let code = 0;
  const program = new Command("whet")
    .description(
      "Autonomous improvement that can be trusted: what is kept was raced for, what is claimed was audited.",
    )
    .version(version())
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false });
  const session = () => new Option("--tag <name>", "the session; default: the newest");
  const json = () => new Option("--json", "machine-readable output");
  const run =
    <Arguments extends unknown[]>(action: (...given: Arguments) => Promise<number | undefined>) =>
    async (...given: Arguments) => {
      code = (await action(...given)) ?? 0;
    };

  program
    .command("init [folder]")
    .description("write a program.md: detects what it can, asks only what it cannot know")
    .option(
      "--template <name>",
      "begin from an example: scored, pipe-ts, pipe-python, clocked, self-reported",
    )
    .option("--goal <text>", "what the lab is for")
    .option("--metric <name>", "the metric that decides")
    .option("--direction <way>", "minimize or maximize")
    .option("--change <globs>", "files that may change, separated by commas")
    .option("--run <command>", "the candidate's command")
    .option("--score <command>", "the trusted scorer")
    .option("--checks <command>", "a command that must pass")
    .option("--budget <time>", "time for one run, e.g. 30s")
    .option("--clocked", "Whetstone times the run itself")
    .option(
      "--agent <name>",
      "write what a coding agent needs to find Whetstone: claude, codex, gemini, opencode, pi, cursor",
    )
    .option("--yes", "take what was found, ask nothing")
    .option("--force", "write anew where a contract is there already")
    .action(
      run(async (folder, options) => (await import("./commands/init.ts")).initCommand(folder, options)),
    );

  program
    .command("check [lab]")
    .description("lint the contract, measure the baseline and the noise, say what a night can find")
    .addOption(session())
    .addOption(json())
    .option("--fresh", "measure the baseline anew in a new session")
    .option("--probe", "try Whetstone's own cheats on the evaluator")
    .option("--schema", "print the JSON Schema of the front matter and end")
    .action(run(async (lab, options) => (await import("./commands/check.ts")).checkCommand(lab, options)));

  program
    .command("run [lab]")
    .description("the loop: propose, evaluate, decide, keep or discard; goes on where it stopped")
    .option("--experiments <n>", "stop after so many experiments of the session", wholeNumber)
    .option("--for <time>", "stop after so much time of the session, e.g. 8h")
    .option("--money <dollars>", "stop before the session costs more US dollars", number)
    .option("--tokens <n>", "stop before the session takes more tokens", wholeNumber)
    .option(
      "--researcher <who>",
      "search, claude, codex, gemini, opencode, pi, `command: ...`, `acp: ...`, `model: provider/name`",
    )
    .option("--until <value>", "stop once the metric is there", number)
    .option("--audit <pairs>", "pairs of the final audit, 0: none (default 8)", wholeNumberOrZero)
    .option("--seed <n>", "seed of a new session", wholeNumberOrZero)
    .option("--fresh", "begin a new session")
    .option("--no-probe", "do not try Whetstone's own cheats on the evaluator first")
    .option("--isolation <level>", "best, or L0 for no isolation")
    .addOption(new Option("--tag <name>", "name of the session"))
    .option("--json", "one JSON event a line")
    .action(run(async (lab, options) => (await import("./commands/run.ts")).runCommand(lab, options)));

  program
    .command("finalize [lab]")
    .description("measure what each kept change is worth now, and write branches for review")
    .addOption(session())
    .option("--pairs <n>", "pairs of each comparison", wholeNumber, 8)
    .option("--no-branches", "measure only")
    .addOption(json())
    .action(
      run(async (lab, options) => (await import("./commands/finalize.ts")).finalizeCommand(lab, options)),
    );

  const notebook = (name: string, description: string) =>
    program.command(name).description(description).addOption(session()).addOption(json());
  const lazy = () => import("./commands/notebook.ts");
  notebook("status [lab]", "the result so far, the best, the keeps and the last experiments").action(
    run(async (lab, options) => (await lazy()).statusCommand(lab, options)),
  );
  program
    .command("sessions [lab]")
    .description("all sessions of the lab, newest first")
    .addOption(json())
    .action(run(async (lab, options) => (await lazy()).sessionsCommand(lab, options)));
  notebook("log [lab]", "the experiments, one a line")
    .option("-n, --newest <n>", "only the newest", wholeNumber, 50)
    .option("--all", "all of them")
    .action(run(async (lab, options) => (await lazy()).logCommand(lab, options)));
  notebook("show <id> [lab]", "one experiment: hypothesis, runs, decision, change").action(
    run(async (id, lab, options) => (await lazy()).showCommand(experimentNumber(id), lab, options)),
  );
  notebook("diff <id> [lab]", "the change of one experiment").action(
    run(async (id, lab, options) => (await lazy()).diffCommand(experimentNumber(id), lab, options)),
  );
  notebook("context [lab]", "the state of the research for a fresh mind")
    .option("--budget <characters>", "at most so long", wholeNumber, 12_000)
    .action(run(async (lab, options) => (await lazy()).contextCommand(lab, options)));
  notebook("failures [lab]", "what crashed, timed out or was not allowed, and why").action(
    run(async (lab, options) => (await lazy()).failuresCommand(lab, options)),
  );
  notebook("report [lab]", "write report.html, progress.svg and progress.png")
    .option("--out <folder>", "where to (default: the lab's .whetstone folder)")
    .action(run(async (lab, options) => (await import("./commands/report.ts")).reportCommand(lab, options)));
  notebook(
    "replay [lab]",
    "derive every decision again from the recorded runs and report differences",
  ).action(run(async (lab, options) => (await import("./commands/replay.ts")).replayCommand(lab, options)));
  program
    .command("doctor [lab]")
    .description("examine ledger, branches, candidates, processes and leftovers; repair what you agree to")
    .option("--yes", "repair without asking")
    .addOption(json())
    .action(run(async (lab, options) => (await import("./commands/doctor.ts")).doctorCommand(lab, options)));

  notebook("review [lab]", "keeps that look too good: list them, accept or reject one")
    .option("--accept <id>", "it is real", wholeNumber)
    .option("--reject <id>", "take it back, with what was built on it", wholeNumber)
    .option("--note <text>", "why")
    .action(run(async (lab, options) => (await import("./commands/review.ts")).reviewCommand(lab, options)));
  program
    .command("rescore [lab]")
    .description("measure the kept changes again under a changed scorer or contract, as a new epoch")
    .addOption(session())
    .option("--audit <pairs>", "pairs of the final audit, 0: none (default 8)", wholeNumberOrZero)
    .option("--no-probe", "do not try Whetstone's own cheats on the evaluator first")
    .option("--json", "one JSON event a line")
    .action(run(async (lab, options) => (await import("./commands/run.ts")).rescoreCommand(lab, options)));

  const driving = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .addOption(new Option("--tag <name>", "the session; default: the one that is under way"))
      .option("--isolation <level>", "best, or L0 for no isolation")
      .option("--no-probe", "do not try Whetstone's own cheats on the evaluator first")
      .addOption(json());
  const tries = () => import("./commands/try.ts");
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
  notebook("learn <id> [lab]", "what follows from an experiment, for everybody who comes after")
    .option("--confirmed <lesson>", "the hypothesis held; what follows")
    .option("--refuted <lesson>", "it did not; what follows")
    .action(
      run(async (id, lab, options) =>
        (await import("./commands/learn.ts")).learnCommand(experimentNumber(id), lab, options),
      ),
    );
  program
    .command("hook <event> [lab]", { hidden: true })
    .description("called by a coding agent that is about to stop (`whet init --agent` sets it up)")
    .option("--for <agent>", "whose hook it is: claude, codex, gemini, cursor", "claude")
    .action(
      run(async (event, lab, options) =>
        (await import("./commands/hook.ts")).hookCommand(event, lab, options),
      ),
    );
  const ideas = program.command("ideas").description("what might be tried one day: add, list, drop");
  const about = (command: Command) => command.option("--lab <folder>", "the lab").addOption(json());
  const lazyIdeas = () => import("./commands/ideas.ts");
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
    .option("--isolation <level>", "best, or L0 for no isolation")
    .option("--no-probe", "do not try Whetstone's own cheats on the evaluator first")
    .addOption(session())
    .action(
      run(async (lab, options) =>
        (await import("./commands/mcp.ts")).mcpCommand(lab, { ...options, version: version() }),
      ),
    );
  const words = () => import("./commands/words.ts");
  notebook("trace [id] [lab]", "what the agent or model of an experiment was told and did")
    .option("--raw", "everything that it printed, as it came")
    .option("--failed", "the turns that came to nothing")
    .action(
      run(async (id, lab, options) =>
        (await import("./commands/trace.ts")).traceCommand(
          ...(options.failed && lab === undefined
            ? ([undefined, id] as const)
            : ([id === undefined ? id : experimentNumber(id), lab] as const)),
          options,
        ),
      ),
    );
  notebook("pause [lab]", "let the experiment in flight end, and begin no other").action(
    run(async (lab, options) => (await words()).pauseCommand(lab, options)),
  );
  notebook("resume [lab]", "go on after a pause").action(
    run(async (lab, options) => (await words()).resumeCommand(lab, options)),
  );
  notebook("steer <text> [lab]", "a word to the researchers: the next briefing holds it").action(
    run(async (text, lab, options) => (await words()).steerCommand(text, lab, options)),
  );
  const trace =
    program.commands.find((command) => command.name() === "trace") ??
    program.command("trace").description("what agents did: bring in their transcripts, hand traces on");
  const traces = () => import("./commands/traces.ts");
  // The options of these two are their own, even where `trace` itself has one of the same name.
  program.enablePositionalOptions();
  trace.enablePositionalOptions();
  trace
    .command("import [paths...]")
    .description("read the transcripts that Claude Code, Codex, pi and OpenCode left, without their secrets")
    .option("--from <whose>", "claude, codex, pi, opencode or otel (default: each at its own place)")
    .option("--all", "of every project, not only of this one")
    .option("--since <date>", "only what was done since then, e.g. 2026-11-01")
    .option("--dry-run", "say what there is, store nothing")
    .option("--raw", "store the lines themselves too, redacted (default: where they can be found)")
    .option("--emails", "take out e-mail addresses as well")
    .addOption(json())
    .action(run(async (paths, options) => (await traces()).traceImportCommand(paths, options)));
  trace
    .command("export [ids...]")
    .description("write turns for other tools; without numbers, all of them")
    .option("--otel", "OpenTelemetry spans of generative AI as OTLP/JSON, one turn a line")
    .action(run(async (ids, options) => (await traces()).traceExportCommand(ids, options)));

  const skill = program
    .command("skill")
    .description("the library of skills: what they are, whether they are proven, which version is in use");
  const skillAction = (name: string, description: string) =>
    skill.command(name).description(description).addOption(json());
  const skills = () => import("./commands/skill.ts");
  skillAction("list", "the library, and the skills that lie in this project")
    .option("--home", "those of your home folder too")
    .option("--all", "archived ones too")
    .action(run(async (options) => (await skills()).listCommand(options)));
  skillAction("show <name>", "one skill: versions, scores, relations, use and payback")
    .option("--full", "its instructions too")
    .action(run(async (name, options) => (await skills()).showCommand(name, options)));
  skillAction(
    "validate <folders...>",
    "whether folders are what the Agent Skills specification asks for",
  ).action(run(async (folders, options) => (await skills()).validateCommand(folders, options)));
  skillAction("import <folder>", "take a skill's folder into the library, as a draft")
    .option("--from <origin>", "where it comes from; default: a person's own")
    .option("--category <name>", "what kind of work a new skill is for")
    .action(run(async (folder, options) => (await skills()).importCommand(folder, options)));
  skillAction("export <name>", "write a skill's folder, with its lineage and scores")
    .requiredOption("--to <folder>", "where its folder is written to")
    .option("--skill-version <n>", "default: the version in use", wholeNumber)
    .option("--richer", "front matter with generation, score and history, beyond the specification")
    .option("--force", "replace what is there")
    .action(run(async (name, options) => (await skills()).exportCommand(name, options)));
  skill
    .command("diff <name>")
    .argument("[from]", "default: the version that it was made from", wholeNumber)
    .argument("[to]", "default: the version in use", wholeNumber)
    .description("what changed between two versions")
    .addOption(json())
    .action(run(async (name, from, to, options) => (await skills()).diffCommand(name, from, to, options)));
  skillAction("rollback <name>", "take the version before into use, or any other")
    .option("--to <n>", "number of the version", wholeNumber)
    .action(run(async (name, options) => (await skills()).rollbackCommand(name, options)));
  skill
    .command("pin <name>")
    .argument("[version]", "default: the version in use", wholeNumber)
    .description("stay at a version, whatever is proven later")
    .addOption(json())
    .action(run(async (name, version, options) => (await skills()).pinCommand(name, version, options)));
  skillAction("unpin <name>", "let a proven version come into use again").action(
    run(async (name, options) => (await skills()).unpinCommand(name, options)),
  );
  skillAction("archive <name>", "take a skill out of use; nothing is deleted")
    .option("--restore", "take it back")
    .action(run(async (name, options) => (await skills()).archiveCommand(name, options)));
  skillAction("relate <name> <kind> <other>", "kind: composes-with, depends-on or supersedes")
    .option("--remove", "take the relation away")
    .action(
      run(async (name, kind, other, options) => (await skills()).relateCommand(name, kind, other, options)),
    );
  const forge = program
    .command("forge")
    .description("skills out of traces: analysed, drafted, tested against doing without, kept or discarded")
    .option("--demo", "one whole turn of the forge, replayed without a key");
  forge.action(
    run(async ({ demo }: { demo?: true }) => {
      if (!demo) return forge.help({ error: true });
      return (await import("./commands/forgeDemo.ts")).forgeDemoCommand();
    }),
  );
  const forging = () => import("./commands/forge.ts");
  const bounded = (command: Command) =>
    command
      .option("--runs <n>", "stop before more runs of goals", wholeNumber)
      .option("--tokens <n>", "stop before it takes more tokens", wholeNumber)
      .option("--money <dollars>", "stop before it costs more US dollars", number)
      .option("--for <time>", "stop after so much time, e.g. 8h")
      .addOption(json());
  const peopled = (command: Command) =>
    bounded(command)
      .option("--agent <who>", "who runs the goals: claude, codex, gemini, opencode, pi, `command: ...`")
      .option("--model <name>", "provider/name: puts into words, and runs the goals where no agent is named")
      .option("--judge <name>", "provider/name: scores what no check can, best of another family")
      .option("--url <address>", "server of the model, where it speaks OpenAI's chat completions");
  const ruled = (command: Command) =>
    peopled(command)
      .option("--alpha <p>", "chance to keep what does nothing (default 0.04)", number)
      .option("--test-runs <n>", "runs of one test at most (default 192)", wholeNumber)
      .option("--min-effect <points>", "smaller help is not worth having (default 5)", number)
      .option("--seed <n>", "seed of the runs", wholeNumberOrZero)
      .option("--placebo", "a third arm: a text of equal length that says nothing")
      .option("--no-sealed", "leave the sealed goals closed");
  const learning = (command: Command) =>
    command
      .option("--source <names>", "goals, labs, imports, separated by commas (default: all)")
      .option("--family <name>", "only goals of this family")
      .option("--recurrence <n>", "runs that something must be seen in (default 3)", wholeNumber)
      .option("--once", "learn from a single occurrence too");
  learning(
    peopled(
      forge
        .command("analyze [folder]")
        .description("what recurs in the traces; with --model, what follows from it"),
    ),
  ).action(run(async (folder, options) => (await forging()).analyzeCommand(folder, options)));
  learning(
    ruled(forge.command("run [folder]").description("from traces to a decision; goes on where it stopped")),
  )
    .option("--suite <folder>", "goals to test with")
    .option("--auto", "by the settings of `whet forge auto`")
    .action(run(async (folder, options) => (await forging()).forgeRunCommand(folder, options)));
  ruled(
    forge
      .command("calibrate <suite>")
      .description("goals against themselves: the noise, and the smallest effect that can be seen"),
  )
    .option("--replicates <n>", "pairs of equal runs of each goal (default 3)", wholeNumber)
    .action(run(async (suite, options) => (await forging()).calibrateCommand(suite, options)));
  forge
    .command("matrix")
    .description("what skills do for families of goals, by agent and model")
    .option("--skill <name>", "only this one")
    .addOption(json())
    .action(run(async (options) => (await forging()).matrixCommand(options)));
  forge
    .command("status")
    .description("tests done and under way, skills whose proof is out of date")
    .addOption(json())
    .action(run(async (options) => (await forging()).forgeStatusCommand(options)));
  forge
    .command("replay <id>")
    .description("derive the verdict of a test again from its recorded runs")
    .addOption(json())
    .action(run(async (id, options) => (await forging()).forgeReplayCommand(wholeNumber(id), options)));
  peopled(
    forge
      .command("auto <way>")
      .description("on or off: whether goals that end set the forge to work, within its own limits"),
  )
    .option("--suite <folder>", "goals to test with")
    .option("--every <n>", "runs that must have ended since the last time (default 3)", wholeNumber)
    .action(run(async (way, options) => (await forging()).autoCommand(way, options)));
  const testing = (command: Command) =>
    ruled(command)
      .option("--suite <folder>", "goals to test with (default: the skill's evals/evals.json)")
      .option("--alone", "without the rest of the library in either arm")
      .option("--agreed", "what is proven may take the place of a person's text");
  testing(
    skill
      .command("test <path>")
      .description("does a skill help, by how much, at what cost, how sure; is it read when it should be"),
  )
    .option("--interference", "test it without the rest of the library as well")
    .option("--no-trigger", "do not try when it is read")
    .option("--out <folder>", "where the page goes (default: .whetstone/skills)")
    .action(run(async (path, options) => (await forging()).skillTestCommand(path, options)));
  testing(
    skill
      .command("improve <path>")
      .description("edit and test a skill over and over, on goals that it was not taught by"),
  )
    .option("--patience <n>", "rounds in a row without a keep before it ends (default 3)", wholeNumber)
    .action(run(async (path, options) => (await forging()).skillImproveCommand(path, options)));

  const goal = program
    .command("goal")
    .description("goals that agents pursue: plan, tasks, evaluation, again");
  const goals = () => import("./commands/goal.ts");
  const several = (text: string, before: string[] = []) => [...before, text];
  const pursuing = (command: Command) =>
    command
      .option(
        "--agent <name>",
        "a file of agents/, claude, codex, ..., `command: ...` or `model: provider/name`",
      )
      .option("--model <provider/name>", "the built-in agent's model, and the planner's")
      .option("--planner <provider/name>", "who makes the plans (default: --model)")
      .option("--judge <provider/name>", "who scores rubric items")
      .option("--single", "no plan: the goal is one task")
      .option("--parallel <n>", "tasks at the same time (default 4)", wholeNumber)
      .option("--iterations <n>", "stop after so many (default 50)", wholeNumber)
      .option("--for <time>", "stop after so much time, e.g. 1h")
      .option("--tokens <n>", "stop before it takes more tokens", wholeNumber)
      .option("--money <dollars>", "stop before it costs more US dollars", number)
      .option("--seed <n>", "for models that take one", wholeNumberOrZero)
      .option("--json", "one JSON event a line");
  pursuing(goal.command("run <goal>").description('pursue a goal: a Markdown file, or its text in "quotes"'))
    .option("--check <command>", "a further criterion: this command exits with 0", several)
    .option("--rubric <text>", "a further criterion, for the judge", several)
    .action(run(async (what, options) => (await goals()).goalRunCommand(what, options)));
  pursuing(goal.command("resume <id>").description("go on after a pause, a stop or a crash")).action(
    run(async (id, options) => (await goals()).goalResumeCommand(goalNumber(id), options)),
  );
  goal
    .command("list", { isDefault: true })
    .description("the goals of this project, newest first")
    .addOption(json())
    .action(run(async (options) => (await goals()).goalListCommand(options)));
  goal
    .command("show <id>")
    .description("plans, tasks, who did them and why, and how each criterion fared")
    .addOption(json())
    .action(run(async (id, options) => (await goals()).goalShowCommand(goalNumber(id), options)));
  goal
    .command("pause <id>")
    .description("let the tasks under way end, and begin no other")
    .addOption(json())
    .action(run(async (id, options) => (await goals()).goalPauseCommand(goalNumber(id), options)));
  goal
    .command("cancel <id>")
    .description("end it now, for good")
    .addOption(json())
    .action(run(async (id, options) => (await goals()).goalCancelCommand(goalNumber(id), options)));

  try {
    await program.parseAsync(argv, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return report(error);
  }
}

/** The number of an experiment, given as an argument. */
function experimentNumber(text: string): number {
  const value = Number(text.replace(/^#/, ""));
  if (!Number.isInteger(value) || value < 1)
    throw new UserError(`an experiment has a number from 1, not "${text}"`, "`whet log` lists them");
  return value;
}

function goalNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new UserError(`a goal has a number from 1, not "${text}"`, "`whet goal list` shows them");
  return value;
}

function ideaNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new UserError(`an idea has a number from 1, not "${text}"`, "`whet ideas list` shows them");
  return value;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw invalid(text, "a whole number from 1");
  return value;
}

function wholeNumberOrZero(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw invalid(text, "a whole number");
  return value;
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw invalid(text, "a number");
  return value;
}

function invalid(text: string, what: string): Error {
  return new InvalidArgumentError(`expected ${what}, not "${text}"`);
}

function version(): string {
  const file = new URL(
    import.meta.url.includes("/dist/") ? "../package.json" : "../../package.json",
    import.meta.url,
  );
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // `whet log | head`: the reader has seen enough.
  if (error.code === "EPIPE") process.exit(0);
});
process.exitCode = await main(process.argv.slice(2));
