import { posix } from "node:path";
import picomatch from "picomatch";
import type { Clock, Contract, ForeignEvaluator } from "./contract.ts";
import { named } from "./executed.ts";
import type { Fault, Path } from "./explain.ts";
import { imageFaults } from "./image.ts";
import type { FrontMatter } from "./schema.ts";
import { evaluatorFile } from "./scorers.ts";
import { faultsOfSources } from "./sources.ts";
import { variableFaults } from "./variables.ts";

/**
 * What has the form of a contract and still cannot be meant, or should be known.
 *
 * @param file the contract's own name within the lab.
 */
export function contradictions(contract: Contract, matter: FrontMatter, file: string): Fault[] {
  const faults: Fault[] = [];
  const complain = (path: Path, what: string, fix: string) => faults.push({ path, what, fix });
  const warn = (path: Path, what: string, fix: string) =>
    faults.push({ path, what, fix, severity: "warning" });
  const { change, metric, score, holdout } = contract;

  for (const [index, glob] of change.entries()) {
    const fault = globFault(glob);
    if (fault) complain(item(matter, "change", index), `\`${glob}\` ${fault.what}`, fault.fix);
  }
  if (faults.length > 0) return faults;

  const narrow = "a narrower `change`, so that what judges is not editable";
  const editable = picomatch(change);
  if (editable(file))
    complain(
      ["change"],
      `the contract ${file} may itself be changed by a candidate (\`change\` matches it)`,
      narrow,
    );
  const judges: [string, Path, string][] = [];
  const evaluator = score?.evaluator;
  const own = evaluator && evaluatorFile(evaluator);
  if (evaluator) faults.push(...evaluatorFaults(contract, matter, evaluator, editable));
  else if (score) judges.push([score.command, inside(matter, "score", "command"), "the scorer"]);
  if (contract.setup) judges.push([contract.setup.command, ["setup"], "the setup"]);
  if (holdout) judges.push([holdout.score, inside(matter, "holdout", "score"), "the holdout's scorer"]);
  if (holdout?.sealed)
    judges.push([holdout.sealed.score, ["holdout", "sealed"], "the sealed split's scorer"]);
  for (const [index, check] of contract.checks.entries())
    judges.push([check.command, item(matter, "checks", index), "the check"]);
  for (const [command, path, who] of judges) {
    const { executed, mentioned } = named(command);
    const own = executed.find((name) => editable(name));
    if (own !== undefined)
      complain(path, `${who} runs ${own}, which a candidate may change (\`change\` matches it)`, narrow);
    const other = mentioned.find((name) => editable(name));
    if (own === undefined && other !== undefined)
      warn(
        path,
        `${who} names ${other}, which a candidate may change`,
        "it so only if the file is examined, not trusted",
      );
  }
  const hidden: [path: string, where: Path][] = [];
  for (const [name, paths] of [
    [["score"], score?.private ?? []],
    [["holdout"], holdout?.private ?? []],
    [["holdout", "sealed"], holdout?.sealed?.private ?? []],
  ] as const)
    for (const [index, path] of paths.entries()) {
      const where = [...name, "private", index];
      hidden.push([path, where]);
      if (!isBelow(path, true))
        complain(where, `\`${path}\` is no path from the lab folder`, "private: [hidden.json]");
      else if (path !== own && overlaps(change, path))
        complain(
          where,
          `the private path ${path} may be changed by a candidate (\`change\` matches it)`,
          narrow,
        );
    }

  faults.push(...variableFaults(contract));
  for (const [index, path] of contract.inputs.entries()) {
    const fault = inputFault(path, change);
    if (fault) complain(item(matter, "inputs", index), fault.what, fault.fix);
  }
  if (contract.inputs.length > 0 && contract.inputs.every((path) => path.startsWith("!")))
    complain(["inputs"], "`inputs` only excludes", 'inputs: [data, "!data/tmp"]');
  for (const [index, path] of contract.write.entries()) {
    const where = item(matter, "write", index);
    if (!isBelow(path, false))
      complain(where, `\`${path}\` is no path below the lab folder`, "write: [build]");
    else if (overlaps(change, path))
      complain(
        where,
        `\`${path}\` is both editable and emptied before each run`,
        "a path that `change` does not match",
      );
  }

  // A run could reach below what it may write: put a link there, say, before the next one is laid out.
  const placed: [string, string, Path][] = [
    ...hidden.map(([path, where]): [string, string, Path] => ["private", path, where]),
    ...contract.inputs.flatMap((path, index): [string, string, Path][] =>
      /^[!~/]/.test(path) ? [] : [["pinned", picomatch.scan(path).base, item(matter, "inputs", index)]],
    ),
    ...contract.write.map((path, index): [string, string, Path] => [
      "writable",
      path,
      item(matter, "write", index),
    ]),
  ];
  for (const [own, write] of contract.write.entries()) {
    for (const [index, [kind, path, where]] of placed.entries())
      if (index !== placed.length - contract.write.length + own && liesIn(path, write))
        complain(
          where,
          kind === "writable"
            ? `\`${path}\` lies in \`${write}\`, which runs may write already`
            : `the ${kind} path \`${path}\` lies in \`${write}\`, which is emptied and writable in each run (\`write\`)`,
          kind === "writable" ? `\`${write}\` alone` : `a path outside of \`${write}\``,
        );
    const covered = hidden.find(([path]) => liesIn(write, path) && !liesIn(path, write));
    if (covered)
      complain(
        item(matter, "write", own),
        `\`${write}\` lies in the private path \`${covered[0]}\`, which no run may see`,
        `a path outside of \`${covered[0]}\``,
      );
  }

  if (score?.pipe && score.answer !== undefined)
    complain(
      ["score", "answer"],
      "`pipe` and `answer` contradict each other",
      "pipe: true when `run` itself answers, or answer: COMMAND when another command does after `run`",
    );
  if (score && score.copies > 1 && !score.pipe && score.answer === undefined)
    complain(
      ["score", "copies"],
      "`copies` needs processes that answer",
      "answer: COMMAND beside it, or pipe: true",
    );
  if (score && contains(contract.run, score.command))
    complain(
      ["run"],
      "`run` holds the scorer's command: the candidate would measure itself",
      "the candidate's own part only",
    );
  if (score && metric.clock)
    complain(
      ["metric"],
      "the metric is either clocked by Whetstone or computed by the scorer, not both",
      "it without `clock`, or leave out `score`",
    );
  if (holdout && !score)
    complain(["holdout"], "a holdout needs a scorer for the data in the open", "score: node score.ts");

  const rungs = new Set<string>();
  for (const [index, { name, decides }] of contract.stages.entries()) {
    if (rungs.has(name))
      complain(["stages", index, "name"], `the stage ${name} is named twice`, "one name for each stage");
    rungs.add(name);
    if (decides && index < contract.stages.length - 1)
      complain(
        ["stages", index, "decides"],
        `the stages after ${name} would never be run: it decides`,
        "`decides` at the last stage only, or leave out the stages after it",
      );
  }
  if (contract.control !== undefined && contract.researchers.every(({ kind }) => kind === "search"))
    warn(
      ["control"],
      "`control` does nothing here: the researcher is the built-in search itself",
      "it with another researcher",
    );

  const names = new Set([metric.name]);
  for (const [index, guard] of contract.guards.entries()) {
    if (names.has(guard.name))
      complain(
        ["guards", index, "name"],
        guard.name === metric.name
          ? `the guard ${guard.name} is the metric itself`
          : `the guard ${guard.name} is named twice`,
        "one guard for each further metric",
      );
    names.add(guard.name);
  }
  const clocks: [Clock | undefined, Path][] = [
    [metric.clock, ["metric", "clock"]],
    ...contract.guards.map((guard, index): [Clock | undefined, Path] => [
      guard.clock,
      ["guards", index, "clock"],
    ]),
  ];
  for (const [clock, path] of clocks)
    if (clock?.kind === "size" && !isBelow(clock.path, false) && clock.path !== ".")
      complain(path, `\`${clock.path}\` is no path below the lab folder or $OUT`, "clock: size dist/app.js");

  faults.push(...faultsOfSources(contract));
  faults.push(...imageFaults(contract, matter));

  if (!score && !metric.clock)
    warn(
      ["metric"],
      `${metric.name} is read from the candidate's own output, which it can forge: results will be labelled self-reported`,
      "score: COMMAND, a scorer outside its reach",
    );
  if (contract.budget.network)
    warn(
      ["budget", "network"],
      "candidates get the network: they can fetch answers and send data out",
      "network: false where it is not needed",
    );
  return faults;
}

/** What cannot be meant where the scorer is an evaluator of another tool. */
function evaluatorFaults(
  { stages }: Contract,
  matter: FrontMatter,
  evaluator: ForeignEvaluator,
  editable: (path: string) => boolean,
): Fault[] {
  const faults: Fault[] = [];
  const file = evaluatorFile(evaluator);
  if (editable(file))
    faults.push({
      path: ["score", evaluator.kind],
      what: `the evaluator ${file} may be changed by a candidate (\`change\` matches it)`,
      fix: "a narrower `change`, so that what judges is not editable",
    });
  if (evaluator.program !== undefined && !editable(evaluator.program))
    faults.push({
      path: ["score", "program"],
      what: `the program ${evaluator.program} is none that a candidate may change`,
      fix: "program: a file that `change` matches",
    });
  if (evaluator.inProcess)
    faults.push({
      path: ["score", "inProcess"],
      what: "the evaluator imports candidates into its own process, where they can state any number: results will be labelled self-reported",
      fix: "no `inProcess` where the evaluator calls functions with plain data",
      severity: "warning",
    });
  if (stages.length > 0 && matter.run === undefined)
    faults.push({
      path: ["stages"],
      what: "stages are cheaper forms of `run`, and there is none: the evaluator calls the candidate itself",
      fix: "no `stages`, or `run: COMMAND` for work that goes before the evaluator",
    });
  return faults;
}

/** The place of one of several: its own where a list was written, the key's otherwise. */
function item(matter: FrontMatter, name: "change" | "checks" | "inputs" | "write", index: number): Path {
  return Array.isArray(matter[name]) ? [name, index] : [name];
}

function inside(matter: FrontMatter, name: "score" | "holdout", key: string): Path {
  return typeof matter[name] === "object" ? [name, key] : [name];
}

function globFault(glob: string): { what: string; fix: string } | null {
  const below = "a path below the lab, such as src/**/*.ts";
  if (glob.length > 1000) return { what: "is longer than 1000 characters", fix: below };
  if (glob.startsWith("!"))
    return { what: "excludes; exclusions are not understood here", fix: "the files that may change" };
  if (glob.includes("\\")) return { what: "holds a backslash", fix: "/ between folders" };
  if (/^(\/|~|[A-Za-z]:)/.test(glob) || /(^|[/{,(|])\.\.($|[/},)|])/.test(glob))
    return {
      what: "lies outside the lab folder",
      fix: `${below}; to change files above it, move program.md up into the folder that holds them all`,
    };
  if (/(^|\/)(\.git|\.whetstone|node_modules)(\/|$)/.test(glob))
    return { what: "lies where candidates are never taken from", fix: below };
  if (glob.endsWith("/")) return { what: "names a folder and so matches no file", fix: `${glob}**` };
  try {
    picomatch(glob);
    return null;
  } catch (error) {
    return { what: `is no glob: ${(error as Error).message}`, fix: below };
  }
}

/** What is wrong with one of the `inputs`: a path, a glob, or an exclusion with `!`. */
function inputFault(input: string, change: readonly string[]): { what: string; fix: string } | null {
  const path = input.replace(/^!/, "");
  if (path.includes("\\") || /^[A-Za-z]:/.test(path))
    return { what: `\`${path}\` is no path of this system`, fix: "/ between folders" };
  if (/^~[^/]/.test(path))
    return { what: `\`${path}\` names another user's home folder`, fix: "~/PATH, or the absolute path" };
  if (/^[~/]/.test(path)) return null;
  if (!isBelow(path, true))
    return { what: `\`${path}\` is the lab folder itself`, fix: "inputs: [data], or ~/.cache/NAME" };
  // What a glob matches is known only on disk, and is looked at there.
  if (input.startsWith("!") || picomatch.scan(path).isGlob || !overlaps(change, path)) return null;
  return { what: `\`${path}\` is both editable and pinned`, fix: "a path that `change` does not match" };
}

/** Whether a relative path stays below the lab (or, `upwards`, is at least relative) and is not the lab itself. */
function isBelow(path: string, upwards: boolean): boolean {
  const parts = path.split("/").filter((part) => part !== "." && part !== "");
  return (
    !path.startsWith("/") && !path.startsWith("~") && parts.length > 0 && (upwards || !parts.includes(".."))
  );
}

/** Whether a path is a folder's or lies below it. */
function liesIn(path: string, folder: string): boolean {
  const plain = posix.normalize(`${path}/`);
  return plain.startsWith(posix.normalize(`${folder}/`));
}

/** Whether some glob can match the path itself or something below it. */
function overlaps(globs: readonly string[], path: string): boolean {
  const plain = path.replace(/^(\.\/)+/, "").replace(/\/+$/, "");
  if (picomatch([...globs])(plain)) return true;
  return globs.some((glob) => {
    const { base } = picomatch.scan(glob);
    return base === plain || base.startsWith(`${plain}/`) || picomatch(glob)(`${plain}/x`);
  });
}

/** Whether a command holds another, word by word. */
function contains(command: string, part: string): boolean {
  const words = (text: string) =>
    ` ${text
      .split(/[\s;&|()"']+/)
      .filter(Boolean)
      .join(" ")} `;
  const inner = words(part);
  return inner.trim().includes(" ")
    ? words(command).includes(inner)
    : words(command) === inner && /[./]/.test(part);
}
