import { posix } from "node:path";
import { homePlace, looksSecret, treePlace } from "../../sandbox/index.ts";
import { type GrantHint, type HintFacts, plain, yamlLine } from "./facts.ts";

const complaint =
  /no such file|not found|does not exist|doesn't exist|can(?:no|')t (?:open|find|access|stat|load|read)|could not (?:open|find|load|read)|unable to (?:find|locate|load)|ENOENT|FileNotFound|NoSuchFile|os error 2\b/i;
/** What a command wanted to make or remove it did not look for. */
const attempt = /\bmkdir\b|\brmdir\b|\bunlink\b|cannot (?:create|remove)|read-only file system/i;
const quoted = /'([^'\n]{1,300})'|"([^"\n]{1,300})"|`([^`\n]{1,300})`/g;
const pathLike = /(?:^|[\s=:([,])((?:~|\.{1,2})?\/[^\s'"`:;,)\]]{1,300}|[\w.-]+(?:\/[\w.-]+)+)/g;

/** Files that the command looked for in vain and that lie on the machine outside. */
export function missingFiles(facts: HintFacts): GrantHint[] {
  const hints: GrantHint[] = [];
  for (const line of facts.log.split("\n")) {
    for (const path of modulesIn(line)) {
      const hint = inTree(facts, posix.join(facts.host.lab, path));
      if (hint) hints.push(hint);
    }
    if (!complaint.test(line) || attempt.test(line)) continue;
    for (const word of pathsIn(line)) {
      const hint = hintFor(facts, word);
      if (hint) hints.push(hint);
    }
  }
  return hints;
}

/** Where Python would look in the lab folder for a module that it did not find. */
function modulesIn(line: string): string[] {
  const name = /No module named '([\w.]+)'/.exec(line)?.[1]?.split(".")[0];
  return name === undefined ? [] : [`${name}.py`, name];
}

/** What may be paths in a line that complains of a missing one, quoted words first. */
function pathsIn(line: string): string[] {
  const words: string[] = [];
  for (const match of line.matchAll(quoted)) words.push((match[1] ?? match[2] ?? match[3]) as string);
  for (const match of line.matchAll(pathLike)) words.push(match[1] as string);
  return words.filter((word) => !word.includes("\0") && word.trim() === word);
}

function hintFor(facts: HintFacts, word: string): GrantHint | null {
  const { host } = facts;
  const place = placeOf(facts, word);
  if (place === null) return null;
  if (place.in === "tree") return inTree(facts, place.path);
  const kind = host.kindOf(place.path);
  if (kind === null || place.path === host.home || place.path === "/") return null;
  if (facts.level === "L0" && !place.fromHome) return null;
  if (looksSecret(place.path))
    return {
      what: `the command looked for ${word}, which is not shown in the sandbox: it looks like a secret`,
      grant: null,
      write: "hand over what it needs of it with `env` or `secrets`",
    };
  const input = worthGranting(host.home, place.path);
  if (isGranted(facts, input)) return null;
  return {
    what: `the command looked for ${word}, which is there outside the sandbox and not shown in it`,
    grant: { key: "inputs", add: input },
    write: `\`${yamlLine("inputs", input)}\``,
  };
}

/** Where the command meant a path to be: in its tree (relative to the tree's root), or on the host. */
function placeOf(
  { host }: HintFacts,
  word: string,
): { in: "tree" | "host"; path: string; fromHome: boolean } | null {
  const below = (folder: string) => word === folder || word.startsWith(`${folder}/`);
  if (below(treePlace))
    return { in: "tree", path: posix.relative(treePlace, posix.normalize(word)), fromHome: false };
  const home = below(homePlace) ? homePlace : /^\S*\/whet-\w+\/home(?=\/)/.exec(word)?.[0];
  if (home !== undefined) return fromHome(host.home, word.slice(home.length + 1));
  if (word.startsWith("~/")) return fromHome(host.home, word.slice(2));
  if (word.startsWith("/")) return { in: "host", path: posix.normalize(word), fromHome: false };
  const path = posix.join(host.lab, word);
  return path.startsWith("..") ? null : { in: "tree", path, fromHome: false };
}

function fromHome(home: string, rest: string) {
  return { in: "host" as const, path: posix.join(home, rest), fromHome: true };
}

/** A file of the repository that is not committed, or one that is hidden on purpose. */
function inTree(facts: HintFacts, path: string): GrantHint | null {
  const { host, contract } = facts;
  if (path === "" || path.startsWith("..") || host.kindOf(posix.join(host.root, path)) === null) return null;
  const fromLab = posix.relative(host.lab, path);
  if (fromLab === "" || fromLab.split("/").every((part) => part === "..")) return null;
  const { score, holdout } = contract;
  const hidden = [score, holdout, holdout?.sealed].flatMap((judge) => judge?.private ?? []);
  if (hidden.some((each) => fromLab === each || fromLab.startsWith(`${each}/`)))
    return {
      what: `the command looked for ${fromLab}, which \`private\` hides from it`,
      grant: null,
      write: "let the scorer read it: what is private is for the scorer alone",
    };
  if (host.inTree(path)) return null;
  if (fromLab.split("/").includes(".git")) return null;
  if (isGranted(facts, fromLab)) return null;
  return {
    what: `the command looked for ${fromLab}, which lies there and is not committed, so that it is not part of what is measured`,
    grant: { key: "inputs", add: fromLab },
    write: `\`${yamlLine("inputs", fromLab)}\`, or commit it`,
  };
}

/** The whole cache folder of a tool rather than one file in it; below the home folder written with `~`. */
function worthGranting(home: string, path: string): string {
  if (!path.startsWith(`${home}/`)) return path;
  const parts = path.slice(home.length + 1).split("/");
  const depth = parts[0] === ".local" ? 3 : parts[0]?.startsWith(".") ? 2 : parts.length;
  return `~/${parts.slice(0, Math.min(depth, parts.length)).join("/")}`;
}

/** Whether the contract shows an input already: itself, or a folder that holds it. */
export function isGranted({ contract, host }: HintFacts, input: string): boolean {
  const full = (path: string) =>
    path.startsWith("~/") ? posix.join(host.home, path.slice(2)) : posix.resolve(host.root, host.lab, path);
  return contract.inputs.some((each) => {
    const folder = full(each).replace(/\/+$/, "");
    return full(input) === folder || full(input).startsWith(`${folder}/`);
  });
}

/** A package that the environment beside the program holds, run by another interpreter. */
export function otherInterpreter({ log, command, contract, host }: HintFacts): GrantHint[] {
  const name = /ModuleNotFoundError: No module named '([^']+)'/.exec(log)?.[1];
  const words = /^(python[\d.]*)(\s.*)$/s.exec(command);
  if (name === undefined || !words) return [];
  // A module of the lab itself is in no environment.
  if (modulesIn(log).some((path) => host.kindOf(posix.join(host.root, host.lab, path)) !== null)) return [];
  const environment = [".venv", "venv"].find(
    (folder) => host.kindOf(posix.join(host.root, host.lab, folder, "bin/python")) !== null,
  );
  if (environment === undefined) return [];
  const shown = contract.inputs.includes(environment) ? "" : ` and \`${yamlLine("inputs", environment)}\``;
  const run = `${environment}/bin/python${words[2]}`;
  return [
    {
      what: `the package ${name} is not in ${words[1]}; the lab has an environment of its own in ${environment}`,
      grant: { key: "run", value: run },
      write: `\`run: ${plain(run) === run ? run : run.split("\n")[0]}\`${shown}`,
    },
  ];
}
