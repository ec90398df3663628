import { createHash } from "node:crypto";
import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Node,
  parseDocument,
  visit,
  type YAMLError,
} from "yaml";
import type { Problem, Program } from "./contract.ts";
import { contradictions } from "./contradictions.ts";
import { explain, type Fault, form, type Path } from "./explain.ts";
import { fill } from "./fill.ts";
import { frontMatter } from "./schema.ts";
import { unsupported } from "./unsupported.ts";

export interface Parsed {
  /** Null when a problem is an error. */
  program: Program | null;
  problems: Problem[];
}

/** Front matter is written by hand: a longer one is a mistake, and slow to read. In characters. */
const longest = 256 * 1024;

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
  const parts = split(source);
  if ("what" in parts)
    return { program: null, problems: [{ severity: "error", line: 1, column: 1, ...parts }] };
  const { yaml, instructions } = parts;

  // Counted here: the library's own counter loses lines after some syntax errors.
  const at = (offset: number) => {
    const before = yaml.slice(0, Math.max(0, offset)).split("\n");
    // The line `---` comes before the YAML's own first line.
    return { line: before.length + 1, column: (before.at(-1) as string).length + 1 };
  };
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
  if (!checked.success) return { program: null, problems: told(explain(value, checked.error.issues)) };
  const { contract, faults } = fill(checked.data, instructions);
  const problems = told([
    ...unsupported(checked.data),
    ...faults,
    ...contradictions(contract, checked.data, options.file ?? "program.md"),
  ]);
  if (problems.some((problem) => problem.severity === "error")) return { program: null, problems };
  const hash = createHash("sha256").update(source).digest("hex");
  return { program: { contract, instructions: instructions.trim(), hash }, problems };
}

/** `program.md:7:3: error: what. Write: fix` */
export function formatProblem(file: string, problem: Problem): string {
  return `${file}:${problem.line}:${problem.column}: ${problem.severity}: ${problem.what}. Write: ${problem.fix}`;
}

/** The YAML between the first two lines `---`, and the text below; lines end with `\n`, offsets of lines are kept. */
function split(source: string): { yaml: string; instructions: string } | { what: string; fix: string } {
  const text = source.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
  const open = /^---[ \t]*(\n|$)/.exec(text);
  if (!open) {
    const language = /^---[ \t]*([^\s-]\S{0,40})/.exec(text)?.[1];
    if (language !== undefined)
      return {
        what: `the front matter begins with \`---${language}\`: only YAML is read, and nothing is executed`,
        fix: "a first line of just `---`, and YAML below it",
      };
    return {
      what: "there is no front matter",
      fix: "a first line `---`, the contract in YAML, and a line `---` (`whet init` does it)",
    };
  }
  const below = text.slice(open[0].length);
  const close = /^---[ \t]*$/m.exec(below);
  if (!close)
    return {
      what: "the front matter has no end",
      fix: "a line `---` between the contract and the instructions",
    };
  if (close.index > longest)
    return {
      what: `the front matter is longer than ${longest / 1024} kB`,
      fix: "the long part below the front matter",
    };
  return {
    yaml: below.slice(0, close.index).replaceAll("\r", " "),
    instructions: below.slice(close.index + close[0].length).replace(/^\n/, ""),
  };
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

/** The library's errors in the words of somebody who has never read the YAML specification. */
function yamlFault({ code, message }: YAMLError): { what: string; fix: string } {
  const [first = ""] = message.split("\n");
  switch (code) {
    case "DUPLICATE_KEY":
      return { what: "this key is here twice", fix: "it once" };
    case "TAG_RESOLVE_FAILED":
      return {
        what: `${first}: front matter is plain data, and tags are not understood`,
        fix: "the value without a tag",
      };
    case "TAB_AS_INDENT":
      return { what: "a tab indents this line", fix: "spaces" };
    case "BAD_INDENT": {
      const open = message.startsWith("Flow map") ? "{" : message.startsWith("Flow seq") ? "[" : null;
      if (open !== null)
        return {
          what: `this is not valid YAML: a \`${open}\` is opened above and not closed`,
          fix: `${open === "[" ? "]" : "}"} at its end`,
        };
      return {
        what: "this is not valid YAML: this line is not indented like those it belongs to",
        fix: "as many spaces as the lines beside it",
      };
    }
    case "BLOCK_AS_IMPLICIT_KEY":
      return {
        what: "this is not valid YAML: this value holds `: `, or the line below is indented further",
        fix: 'key: "the value in quotes", or both lines indented alike',
      };
    case "MULTILINE_IMPLICIT_KEY":
      return {
        what: "this is not valid YAML: this line is no `key: value`",
        fix: "key: value, each on a line of its own",
      };
    case "MISSING_CHAR":
      return { what: "this is not valid YAML: a quote is opened and not closed", fix: "the closing quote" };
    case "BAD_SCALAR_START":
      return {
        what: `this is not valid YAML: a value cannot begin with ${first.trim().slice(-1)}`,
        fix: 'the value in "quotes"',
      };
    case "UNEXPECTED_TOKEN":
      return {
        what: "this is not valid YAML: this cannot follow what is in front of it",
        fix: 'key: value, with the whole value in "quotes" if it holds quotes, brackets or `: `',
      };
    default:
      return {
        what: `this is not valid YAML: ${first.replace(/\.$/, "")}`,
        fix: 'key: value, with the value in "quotes" if it holds `: `, ` #` or begins with a sign',
      };
  }
}

/** Offset of the node at a path; of its nearest parent where the path leads nowhere. */
function placeOf(contents: unknown, path: Path): number {
  let node = contents;
  let offset = 0;
  for (const part of path) {
    let child: Node | null | undefined;
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === part);
      if (!pair) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      child = pair.value as Node | null;
    } else if (isSeq(node)) {
      child = node.items[Number(part)] as Node | undefined;
      offset = child?.range?.[0] ?? offset;
    } else break;
    node = child;
  }
  return offset;
}

function sorted(problems: Problem[]): Problem[] {
  return problems.sort((a, b) => a.line - b.line || a.column - b.column);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ");
}
