import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { addDriveCommands } from "./groups/drive.ts";
import { addForgeCommands } from "./groups/forge.ts";
import { addGoalCommands } from "./groups/goal.ts";
import { addLabCommands } from "./groups/lab.ts";
import { addSkillCommands } from "./groups/skill.ts";
import { addTraceCommands } from "./groups/trace.ts";
import { misuse } from "./misuse.ts";
import type { Run } from "./options.ts";
import { complain, print, readerHasGone, report } from "./output.ts";

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
    // What was typed stands in these messages, and somebody else may have had it typed.
    .configureOutput({
      writeOut: print,
      writeErr: complain,
      // Said below, in the same form as every other mistake.
      outputError: () => {},
    })
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false });
  const run: Run =
    (action) =>
    async (...given) => {
      code = (await action(...given)) ?? 0;
    };

  // Where the one that is asked for has been found, the rest need not be known.
  for (const add of [
    addLabCommands,
    addDriveCommands,
    addTraceCommands,
    addGoalCommands,
    addSkillCommands,
    addForgeCommands,
  ]) {
    add(program, run);
    if (program.commands.some((command) => command.name() === argv[0])) break;
  }

  try {
    await program.parseAsync(argv, { from: "user" });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) return report(error, asksForJson(argv));
    if (error.exitCode === 0) return 0;
    // Help where a command was wanted is no message about a mistake.
    if (error.code === "commander.help") return 2;
    return report(misuse(error, program, argv), asksForJson(argv));
  }
}

/** What stands behind `--` belongs to another program. */
function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return argv.slice(0, end < 0 ? undefined : end).includes("--json");
}

function version(): string {
  const file = new URL(
    import.meta.url.includes("/dist/") ? "../package.json" : "../../package.json",
    import.meta.url,
  );
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

// A reader that has seen enough (`whet log | head`), or has died (`whet run | tee`), and a terminal that has closed: what
// is under way is brought to its end without them, so that no session stays held.
process.stdout.on("error", readerHasGone);
process.stderr.on("error", () => {});
void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
