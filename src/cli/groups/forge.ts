import type { Command } from "commander";
import { json, type Run, wholeNumber } from "../options.ts";
import { peopled, ruled } from "./trials.ts";

/** Skills out of traces, and the proof of them. */
export function addForgeCommands(program: Command, run: Run): void {
  const forge = program
    .command("forge")
    .description("skills out of traces: analysed, drafted, tested against doing without, kept or discarded")
    .option("--demo", "one whole turn of the forge, replayed without a key");
  forge.action(
    run(async ({ demo }: { demo?: true }) => {
      if (!demo) return forge.help({ error: true });
      return (await import("../commands/forgeDemo.ts")).forgeDemoCommand();
    }),
  );
  const forging = () => import("../commands/forge.ts");
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
    .option("--alone", "without the library, as `whet skill test --alone` runs them")
    .option(
      "--in-prompt",
      "skills of the library whole in the prompt, as `whet skill test --in-prompt` has them",
    )
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
}
