import type { Command, CommanderError } from "commander";
import { UserError } from "../errors.ts";

/**
 * A mistake on the command line in the form of every other one: what is wrong, and what to type instead.
 *
 * @param program the command line as far as it is known.
 * @param argv what was typed, without `whet`.
 */
export function misuse(
  { message, code }: CommanderError,
  program: Command,
  argv: readonly string[],
): UserError {
  const [said = "", ...more] = message.replace(/^error: /, "").split("\n");
  const guess = /\(Did you mean (?:one of )?(.*?)\?\)/.exec(more.join(" "))?.[1];
  const { words, command } = typed(program, argv);
  const path = ["whet", ...words].join(" ");
  const usage = command === program ? "" : `${path} ${command.usage()}`.trim();
  const lacking = code === "commander.missingArgument" || code === "commander.missingMandatoryOptionValue";
  const needed = command.options
    .filter(({ mandatory }) => mandatory)
    .map(({ long, flags }) => `${long} ${/<.*>/.exec(flags)?.[0] ?? ""}`.trim());
  const example = lacking
    ? `write \`${[path, ...command.registeredArguments.filter(({ required }) => required).map((each) => `<${each.name()}>`), ...needed].join(" ")}\``
    : usage === ""
      ? ""
      : `its form is \`${usage}\``;
  const ways = [
    ...(guess === undefined ? [] : [`did you mean ${guess}?`]),
    ...(example === "" ? [] : [example]),
    `\`${path} --help\` shows ${command === program ? "all commands" : "the rest"}`,
  ];
  return new UserError(said, ways.join("\n"));
}

/** The command that the first words name, and those words. */
function typed(program: Command, argv: readonly string[]): { words: string[]; command: Command } {
  const words: string[] = [];
  let command = program;
  for (const word of argv) {
    const next = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
    if (!next) break;
    command = next;
    words.push(word);
  }
  return { words, command };
}
