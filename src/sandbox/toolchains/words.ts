/** Words before a program that are none of its arguments: they start what follows. */
const wrappers = new Set(
  "env exec time nice nohup command xvfb-run stdbuf taskset timeout sudo setsid ionice numactl".split(" "),
);

/**
 * The programs that a shell command starts, as far as its words tell: the first word of each simple command and what a
 * wrapper such as `env` or `uv run` starts. A heuristic over words, not a shell.
 */
export function programWords(command: string | readonly string[]): string[] {
  const simple = typeof command === "string" ? command.split(/&&|\|\||[;|&\n(){}]/) : [command.join(" ")];
  const found: string[] = [];
  for (const part of simple) {
    const words = part.split(/[\s"'`]+/).filter((word) => word !== "" && !/^[<>\d]*[<>]/.test(word));
    while (words.length > 0) {
      const word = words.shift() as string;
      if (/^\w+=/.test(word) || word.startsWith("-") || /^\d+(?:\.\d+)?[smh]?$/.test(word)) continue;
      if (["if", "then", "else", "do", "while", "until", "!"].includes(word)) continue;
      found.push(word);
      if (word === "uv" && words[0] === "run") words.shift();
      else if (!wrappers.has(word)) break;
    }
  }
  return [...new Set(found)];
}

/** The environment that `conda run -n NAME` (mamba, micromamba) names, or null. */
export function condaEnvironment(command: string): { name: string } | { path: string } | null {
  const found = /\b(?:conda|mamba|micromamba)\s+run\b[^;&|\n]*?\s(-n|--name|-p|--prefix)[\s=]+(\S+)/.exec(
    command,
  );
  if (!found) return null;
  const value = (found[2] as string).replace(/^["']|["']$/g, "");
  return found[1] === "-p" || found[1] === "--prefix" ? { path: value } : { name: value };
}

/** The program that a script's first line names: an absolute path, or a name for PATH after `env`; null for none. */
export function shebang(start: string): string | null {
  const line = /^#!\s*(\S+)(?:[ \t]+([^\n]*))?/.exec(start);
  if (!line) return null;
  if (!/\/env$/.test(line[1] as string)) {
    // What pip writes where the path is too long or has spaces in it for a first line.
    const long = line[1] === "/bin/sh" ? /^'''exec' "?([^"\n]+?)"? "\$0"/m.exec(start) : null;
    return long?.[1] ?? (line[1] as string);
  }
  return (line[2] ?? "").split(/\s+/).find((word) => word !== "" && !/^-|=/.test(word)) ?? null;
}

/** The folder of the interpreter from which a virtual environment was made, as its pyvenv.cfg names it. */
export function venvHome(config: string): string | null {
  return /^\s*home\s*=\s*(\/.*?)\s*$/m.exec(config)?.[1] ?? null;
}
