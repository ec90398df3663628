import type { Direction, ForeignEvaluator, Network } from "./contract.ts";
import type { FrontMatter } from "./schema.ts";

/** A scorer that starts the shim for an evaluator of another tool. */
export interface ForeignScore {
  command: string;
  evaluator: ForeignEvaluator;
  pipe: boolean;
  answer?: string;
  private: string[];
  time?: string | number;
  network?: Network;
}

/** The candidate's end of the conversation with the evaluator. */
const candidateCommand = shimCommand("whetstone_candidate.py");

/**
 * The scorer of a contract that names an evaluator of another tool; undefined for every other contract. Both ends are
 * programs of the shim, whose folder the sandbox names in `WHETSTONE_SHIM`.
 */
export function foreignScore(given: FrontMatter["score"], metric: string, run: string | undefined) {
  const evaluator = evaluatorOf(given);
  if (evaluator === undefined) return undefined;
  const { private: hidden, time, network } = given as Exclude<FrontMatter["score"], string | undefined>;
  const { kind, target, program, inProcess } = evaluator;
  const words = [
    ...(inProcess ? ["--in-process"] : []),
    ...["--metric", quoted(metric)],
    ...(program === undefined ? [] : ["--program", quoted(program)]),
    ...[kind, quoted(target)],
  ];
  const own = evaluatorFile(evaluator);
  const named = hidden === undefined ? [] : typeof hidden === "string" ? [hidden] : hidden;
  const score: ForeignScore = {
    command: `${shimCommand("whetstone_scorer.py")} ${words.join(" ")}`,
    evaluator,
    // A run of its own goes first and leaves artefacts; else the run is what answers.
    pipe: !inProcess && run === undefined,
    ...(!inProcess && run !== undefined ? { answer: candidateCommand } : {}),
    private: named.includes(own) ? named : [own, ...named],
    ...(time === undefined ? {} : { time }),
    ...(network === undefined ? {} : { network }),
  };
  return score;
}

/** What a contract with an evaluator of another tool runs where it says nothing. */
export function foreignRun(evaluator: ForeignEvaluator): string {
  return evaluator.inProcess ? "true" : candidateCommand;
}

/** Whether front matter says neither what is run nor names an evaluator of another tool, which needs no run. */
export function lacksRun({ run, score }: Record<string, unknown>): boolean {
  const isForeign = typeof score === "object" && score !== null && kinds.some((kind) => kind in score);
  return run === undefined && !isForeign;
}

const kinds: readonly ForeignEvaluator["kind"][] = ["openevolve", "shinka", "gepa", "python"];

/** The evaluator that a contract names, or undefined for every other scorer. */
function evaluatorOf(given: FrontMatter["score"]): ForeignEvaluator | undefined {
  if (given === undefined || typeof given === "string" || "command" in given) return undefined;
  const { program, inProcess = false } = given;
  const [kind, target] =
    "openevolve" in given
      ? (["openevolve", given.openevolve] as const)
      : "shinka" in given
        ? (["shinka", given.shinka] as const)
        : "gepa" in given
          ? (["gepa", given.gepa] as const)
          : (["python", given.python] as const);
  return { kind, target, inProcess, ...(program === undefined ? {} : { program }) };
}

/** The file of the lab in which an evaluator stands: `a/b.py` of `a/b.py:evaluate` and of `a.b:evaluate`. */
export function evaluatorFile({ kind, target }: ForeignEvaluator): string {
  if (kind === "openevolve" || kind === "shinka") return plain(target);
  const place = target.includes(":") ? target.slice(0, target.lastIndexOf(":")) : target;
  return place.endsWith(".py") ? plain(place) : `${place.replaceAll(".", "/")}.py`;
}

/** Which way is better where the contract does not say it: what these tools document. */
export function foreignDirection(given: FrontMatter["score"]): Direction | undefined {
  const kind = evaluatorOf(given)?.kind;
  return kind === undefined || kind === "python" ? undefined : "maximize";
}

function shimCommand(program: string): string {
  return `exec sh "$WHETSTONE_SHIM/python" "$WHETSTONE_SHIM/${program}"`;
}

function plain(path: string): string {
  return path.replace(/^(\.\/)+/, "");
}

/** As one word of a shell. */
function quoted(text: string): string {
  return /^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
