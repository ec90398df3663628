/** Where a container finds the script that starts its command, and the file by which the script says that it began. */
export const startScript = "/whetstone/start";
export const begunFile = "/whetstone/began";

/**
 * The first process of a container: says that it began, sets the variables and runs the command that follows. Variables
 * go this way since a command line can be read by everybody, and the client's environment is the client's own: `HOME`
 * or `DOCKER_HOST` would change where it looks.
 *
 * It stays beside the command, whose signals then work as anywhere, and collects processes that nobody waits for.
 *
 * @param unset variables that engines set by themselves.
 */
export function startText(env: Record<string, string>, unset: readonly string[]): string {
  return [
    `echo > ${begunFile}`,
    `unset ${unset.join(" ")}`,
    ...Object.entries(env).map(([name, value]) => {
      if (!/^[A-Za-z_]\w*$/.test(name)) throw new TypeError(`no name of a variable: ${name}`);
      return `export ${name}=${quoted(value)}`;
    }),
    '"$@"',
    "exit $?",
    "",
  ].join("\n");
}

/** One word for a POSIX shell, whatever it holds. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
