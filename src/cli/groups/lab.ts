import { type Command, Option } from "commander";
import {
  experimentNumber,
  isolation,
  json,
  notebook,
  number,
  type Run,
  session,
  wholeNumber,
  wholeNumberOrZero,
} from "../options.ts";

/** A lab: its contract, its sessions, and what came of them. */
export function addLabCommands(program: Command, run: Run): void {
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
    .option("--no-try", "do not run the untouched code once")
    .option("--force", "write anew where a contract is there already")
    .action(
      run(async (folder, options) => (await import("../commands/init.ts")).initCommand(folder, options)),
    );

  program
    .command("check [lab]")
    .description("lint the contract, measure the baseline and the noise, say what a night can find")
    .addOption(session())
    .addOption(json())
    .option("--fresh", "measure the baseline anew in a new session")
    .addOption(isolation())
    .option("--probe", "try Whetstone's own cheats on the evaluator")
    .option("--schema", "print the JSON Schema of the front matter and end")
    .action(run(async (lab, options) => (await import("../commands/check.ts")).checkCommand(lab, options)));

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
    .addOption(isolation())
    .addOption(new Option("--tag <name>", "name of the session"))
    .option("--json", "one JSON event a line")
    .action(run(async (lab, options) => (await import("../commands/run.ts")).runCommand(lab, options)));

  program
    .command("finalize [lab]")
    .description("measure what each kept change is worth now, and write branches for review")
    .addOption(session())
    .option("--pairs <n>", "pairs of each comparison", wholeNumber, 8)
    .option("--no-branches", "measure only")
    .addOption(json())
    .action(
      run(async (lab, options) => (await import("../commands/finalize.ts")).finalizeCommand(lab, options)),
    );

  const lazy = () => import("../commands/notebook.ts");
  notebook(program, "status [lab]", "the result so far, the best, the keeps and the last experiments")
    .option(
      "-f, --follow",
      "go on with what happens, until nobody works on the session; --json: an event a line",
    )
    .action(run(async (lab, options) => (await lazy()).statusCommand(lab, options)));
  program
    .command("sessions [lab]")
    .description("all sessions of the lab, newest first")
    .addOption(json())
    .action(run(async (lab, options) => (await lazy()).sessionsCommand(lab, options)));
  notebook(program, "log [lab]", "the experiments, one a line")
    .option("-n, --newest <n>", "only the newest", wholeNumber, 50)
    .option("--all", "all of them")
    .action(run(async (lab, options) => (await lazy()).logCommand(lab, options)));
  notebook(program, "show <id> [lab]", "one experiment: hypothesis, runs, decision, change").action(
    run(async (id, lab, options) => (await lazy()).showCommand(experimentNumber(id), lab, options)),
  );
  notebook(program, "diff <id> [lab]", "the change of one experiment").action(
    run(async (id, lab, options) => (await lazy()).diffCommand(experimentNumber(id), lab, options)),
  );
  notebook(program, "context [lab]", "the state of the research for a fresh mind")
    .option("--budget <characters>", "at most so long", wholeNumber, 12_000)
    .action(run(async (lab, options) => (await lazy()).contextCommand(lab, options)));
  notebook(program, "failures [lab]", "what crashed, timed out or was not allowed, and why").action(
    run(async (lab, options) => (await lazy()).failuresCommand(lab, options)),
  );
  notebook(program, "report [lab]", "write report.html, progress.svg and progress.png")
    .option("--out <folder>", "where to (default: the lab's .whetstone folder)")
    .action(run(async (lab, options) => (await import("../commands/report.ts")).reportCommand(lab, options)));
  notebook(
    program,
    "replay [lab]",
    "derive every decision again from the recorded runs and report differences",
  ).action(run(async (lab, options) => (await import("../commands/replay.ts")).replayCommand(lab, options)));
  program
    .command("doctor [lab]")
    .description("examine ledger, branches, candidates, processes and leftovers; repair what you agree to")
    .option("--yes", "repair without asking")
    .addOption(json())
    .action(run(async (lab, options) => (await import("../commands/doctor.ts")).doctorCommand(lab, options)));

  notebook(program, "review [lab]", "keeps that are in doubt: list them, accept or reject one")
    .option("--accept <id>", "it is real", wholeNumber)
    .option("--reject <id>", "take it back, with what was built on it", wholeNumber)
    .option("--note <text>", "why")
    .action(run(async (lab, options) => (await import("../commands/review.ts")).reviewCommand(lab, options)));
  program
    .command("rescore [lab]")
    .description("measure the kept changes again under a changed scorer or contract, as a new epoch")
    .addOption(session())
    .option("--audit <pairs>", "pairs of the final audit, 0: none (default 8)", wholeNumberOrZero)
    .option("--no-probe", "do not try Whetstone's own cheats on the evaluator first")
    .option("--json", "one JSON event a line")
    .action(run(async (lab, options) => (await import("../commands/run.ts")).rescoreCommand(lab, options)));

  const words = () => import("../commands/words.ts");
  notebook(program, "pause [lab]", "let the experiment in flight end, and begin no other").action(
    run(async (lab, options) => (await words()).pauseCommand(lab, options)),
  );
  notebook(program, "resume [lab]", "go on after a pause").action(
    run(async (lab, options) => (await words()).resumeCommand(lab, options)),
  );
  notebook(program, "steer <text> [lab]", "a word to the researchers: the next briefing holds it").action(
    run(async (text, lab, options) => (await words()).steerCommand(text, lab, options)),
  );
}
