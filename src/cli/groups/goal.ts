import type { Command } from "commander";
import { goalNumber, json, number, type Run, wholeNumber, wholeNumberOrZero } from "../options.ts";

/** Goals that agents pursue. */
export function addGoalCommands(program: Command, run: Run): void {
  const goal = program
    .command("goal")
    .description("goals that agents pursue: plan, tasks, evaluation, again");
  const goals = () => import("../commands/goal.ts");
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
    .option("--url <address>", "server of the model, where it speaks OpenAI's chat completions")
    .option("--check <command>", "a further criterion: this command exits with 0", several)
    .option("--rubric <text>", "a further criterion, for the judge", several)
    .action(run(async (what, options) => (await goals()).goalRunCommand(what, options)));
  pursuing(goal.command("resume <id>").description("go on after a pause, a stop or a crash")).action(
    run(async (id, options) => (await goals()).goalResumeCommand(goalNumber(id), options)),
  );
  goal
    .command("list", { isDefault: true })
    .description("the goals of this project, newest first")
    .option("--trials", "runs of tests too")
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
}
