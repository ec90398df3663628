import { looksSecret } from "../../sandbox/index.ts";
import { type GrantHint, type HintFacts, type HostView, yamlLine } from "./facts.ts";
import { isGranted } from "./missing.ts";

/** `git describe` and its like: what is measured has no history. */
export function noHistory({ log }: HintFacts): GrantHint[] {
  if (!/not a git repository/i.test(log)) return [];
  return [
    {
      what: "the tree that is measured has no .git: it is laid out without git's history, in which other candidates lie",
      grant: null,
      write:
        "hand over the version by `env: [{VERSION: ...}]`, or let the command go on without it (`git describe || echo unknown`)",
    },
  ];
}

const onlyBash = [
  /\bsh: (?:\d+: )?(?:source|\[\[|pushd|popd|shopt|declare|local|mapfile|readarray): not found/,
  /\bsh: (?:\d+: )?(?:set: )?Illegal option -o pipefail/,
  /\bsh: (?:\d+: )?Bad substitution/,
  /\bsh: (?:\d+: )?Syntax error: (?:"\(" unexpected|redirection unexpected|Bad for loop variable)/,
  /\bsh: (?:\d+: )?\w*: unexpected operator/,
];

/** Words that bash knows and sh does not. */
export function notBash({ log, command }: HintFacts): GrantHint[] {
  const isBash = /^\s*bash\b/.test(command);
  if (isBash || !onlyBash.some((pattern) => pattern.test(log))) return [];
  const quoted = command.includes("'") ? null : `bash -c '${command}'`;
  return [
    {
      what: "the command is run by sh -c, which lacks what bash adds to it",
      grant: quoted === null ? null : { key: "run", value: quoted },
      write:
        quoted !== null && !quoted.includes("\n")
          ? `\`run: ${quoted}\``
          : "put the lines into a script that begins with `#!/bin/bash`, or write `run: bash -c '...'`",
    },
  ];
}

const notFound = [
  /\b(?:sh|bash|dash|zsh): (?:line )?(?:\d+: )?([^\s:]+): (?:command )?not found/,
  /\benv: [‘'"]?([^\s:'’"]+)['’"]?: No such file or directory/,
  /\bspawn ([^\s]+) ENOENT/,
  /\bexec: "([^"]+)": executable file not found/,
  /FileNotFoundError: \[Errno 2\] No such file or directory: '([^'/]+)'/,
  /\bmake(?:\[\d+\])?: ([^\s:]+): No such file or directory/,
];

/** A program by its absolute path or by its name; one by a path of the tree is looked for as a file of the tree. */
function commandOnHost(name: string, host: HostView): string | null {
  if (!name.includes("/")) return host.commandPath(name);
  return name.startsWith("/") && host.kindOf(name) === "file" ? name : null;
}

/** Programs that the user's shell finds and the sandbox does not show. */
export function missingCommands(facts: HintFacts): GrantHint[] {
  const { log, level, host, part, contract } = facts;
  if (level === "L0") return [];
  const hints: GrantHint[] = [];
  for (const pattern of notFound) {
    const name = pattern.exec(log)?.[1];
    if (name === undefined) continue;
    if (level === "L3" && (part === "run" || part === "check")) {
      hints.push({
        what: `${name} is not in the image ${contract.image}`,
        grant: null,
        write:
          "name an image that holds it, or leave `image` out: then the run is shown the programs of PATH",
      });
      continue;
    }
    const path = commandOnHost(name, host);
    if (path === null || looksSecret(path)) continue;
    const shown = path.startsWith(`${host.home}/`) ? `~${path.slice(host.home.length)}` : path;
    if (isGranted(facts, shown)) continue;
    hints.push({
      what: `${name} is there outside the sandbox (${path}) and not shown in it; folders that PATH names are shown, unless they hold the repository`,
      grant: { key: "inputs", add: shown },
      write: `\`${yamlLine("inputs", shown)}\`, or put its folder into PATH before Whetstone is started`,
    });
  }
  return hints;
}
