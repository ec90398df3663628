import type { Command } from "commander";
import { json, type Run, wholeNumber } from "../options.ts";
import { ruled } from "./trials.ts";

/** The library of skills. */
export function addSkillCommands(program: Command, run: Run): void {
  const skill = program
    .command("skill")
    .description("the library of skills: what they are, whether they are proven, which version is in use");
  const skillAction = (name: string, description: string) =>
    skill.command(name).description(description).addOption(json());
  const skills = () => import("../commands/skill.ts");
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
  const trying = () => import("../commands/skillTest.ts");
  const testing = (command: Command) =>
    ruled(command)
      .option("--suite <folder>", "goals to test with (default: the skill's evals/evals.json)")
      .option("--alone", "without the rest of the library in either arm")
      .option("--in-prompt", "give its whole text in the prompt, for agents that do not look for skills")
      .option("--agreed", "what is proven may take the place of a person's text");
  testing(
    skill
      .command("test <path>")
      .description("does a skill help, by how much, at what cost, how sure; is it read when it should be"),
  )
    .option("--interference", "test it without the rest of the library as well")
    .option("--no-trigger", "do not try when it is read")
    .option(
      "--trigger-runs <n>",
      "tries of each question (default: a coding agent 1, a model 3)",
      wholeNumber,
    )
    .option("--out <folder>", "where the page goes (default: .whetstone/skills)")
    .action(run(async (path, options) => (await trying()).skillTestCommand(path, options)));
  testing(
    skill
      .command("improve <path>")
      .description("edit and test a skill over and over, on goals that it was not taught by"),
  )
    .option("--patience <n>", "rounds in a row without a keep before it ends (default 3)", wholeNumber)
    .action(run(async (path, options) => (await trying()).skillImproveCommand(path, options)));
}
