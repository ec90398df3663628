import { type Document, isAlias, parseDocument, visit, type YAMLError } from "yaml";
import { hashOf } from "../base/index.ts";
import type { Problem, Program } from "./contract.ts";
import { contradictions } from "./contradictions.ts";
import { explain, type Fault, form, type Path } from "./explain.ts";
import { fill } from "./fill.ts";
import { placeOf, splitFrontMatter, yamlFault } from "./frontMatter.ts";
import { frontMatter } from "./schema.ts";
import { lacksRun } from "./scorers.ts";
import { unsupported } from "./unsupported.ts";

export interface Parsed {
  /** Null when a problem is an error. */
  program: Program | null;
  problems: Problem[];
}

/**
 * Reads a `program.md`: YAML front matter as the contract, the Markdown below as instructions.
 * Nothing in it is executed. Never throws: whatever is wrong comes back as problems with a place, in the order of the
 * text.
 *
 * @param options.file its name within the lab, so that a contract that may edit itself is noticed.
 *
 * @example
 * const { program, problems } = parseProgram(text);
 * for (const problem of problems) console.error(formatProblem("program.md", problem));
 */
export function parseProgram(source: string, options: { file?: string } = {}): Parsed {
  const parts = splitFrontMatter(source, {
    begins: "a first line `---`, the contract in YAML, and a line `---` (`whet init` does it)",
    between: "the contract and the instructions",
  });
  if ("what" in parts) {
    const { what, fix } = parts;
    return { program: null, problems: [{ severity: "error", line: 1, column: 1, what, fix }] };
  }
  const { yaml, at } = parts;
  const instructions = parts.body.replace(/^\n/, "");
  let document: Document.Parsed;
  let value: unknown;
  try {
    document = parseDocument(yaml, {
      prettyErrors: false,
      stringKeys: true,
      version: "1.2",
    });
    // One slip is often several errors at the same place: the first one says it.
    const places = Map.groupBy([...document.errors, ...document.warnings], (error) => error.pos[0]);
    const broken = [...places].map(
      ([offset, [error]]): Problem => ({
        severity: "error",
        ...at(offset),
        ...yamlFault(error as YAMLError),
      }),
    );
    if (broken.length > 0) return { program: null, problems: sorted(broken) };
    const loose = unquotedStars(document);
    if (loose.length > 0)
      return {
        program: null,
        problems: loose.map(({ offset, text }) => ({
          severity: "error",
          ...at(offset),
          what: `\`${text}\` begins with a sign that YAML reads as a reference`,
          fix: `"${text}", in quotes`,
        })),
      };
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    // Aliases that multiply, or nesting that exhausts the stack.
    const what = `the front matter cannot be read: ${(error as Error).message}`;
    return {
      program: null,
      problems: [{ severity: "error", ...at(0), what, fix: "plain `key: value` lines" }],
    };
  }
  const told = (faults: Fault[]): Problem[] =>
    sorted(
      faults.map(
        ({ path, what, fix, severity }): Problem => ({
          severity: severity ?? "error",
          ...at(placeOf(document.contents, path)),
          what: oneLine(what),
          fix: oneLine(fix),
        }),
      ),
    );
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const what =
      value === null ? "the front matter is empty" : "the front matter is not made of `key: value` lines";
    return {
      program: null,
      problems: told([{ path: [], what, fix: `${form(["metric"])}, and direction, change, run` }]),
    };
  }

  const checked = frontMatter.safeParse(value);
  const lacking: Fault[] = lacksRun(value as Record<string, unknown>)
    ? [{ path: ["run"], what: "`run` is missing", fix: form(["run"]) }]
    : [];
  if (!checked.success)
    return { program: null, problems: told([...explain(value, checked.error.issues), ...lacking]) };
  const { contract, faults } = fill(checked.data, instructions);
  const problems = told([
    ...lacking,
    ...unsupported(checked.data),
    ...faults,
    ...contradictions(contract, checked.data, options.file ?? "program.md"),
  ]);
  if (problems.some((problem) => problem.severity === "error")) return { program: null, problems };
  const hash = hashOf(source);
  return { program: { contract, instructions: instructions.trim(), hash }, problems };
}

/**
 * Where a key stands in the text of a `program.md`, counted from 1. What is found only later (a file or a variable that
 * is not there) is told with the same place as a fault of the contract itself.
 *
 * @param path names of properties and indices of lists; in a list a text stands for the item that holds it.
 */
export function placeInProgram(source: string, path: Path): { line: number; column: number } {
  const parts = splitFrontMatter(source, { begins: "", between: "" });
  if ("what" in parts) return { line: 1, column: 1 };
  const document = parseDocument(parts.yaml, { stringKeys: true, version: "1.2" });
  return parts.at(placeOf(document.contents, path));
}

/** `program.md:7:3: error: what. Write: fix` */
export function formatProblem(file: string, problem: Problem): string {
  return `${file}:${problem.line}:${problem.column}: ${problem.severity}: ${problem.what}. Write: ${problem.fix}`;
}

/** Globs such as `*.py` that stand without quotes: YAML takes them for references to an anchor. */
function unquotedStars(document: Document.Parsed): { offset: number; text: string }[] {
  const found: { offset: number; text: string }[] = [];
  visit(document, (_, node) => {
    if (isAlias(node) && node.resolve(document) === undefined)
      found.push({ offset: node.range?.[0] ?? 0, text: `*${node.source}` });
  });
  return found;
}

function sorted(problems: Problem[]): Problem[] {
  return problems.sort((a, b) => a.line - b.line || a.column - b.column);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ");
}
