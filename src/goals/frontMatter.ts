import { isMap, isScalar, isSeq, parseDocument } from "yaml";
import type { z } from "zod";
import type { Problem } from "../contract/index.ts";

/** Front matter is written by hand: a longer one is a mistake, and slow to read. In characters. */
const longest = 256 * 1024;

export interface Split {
  /** What the YAML says; null: there is none. */
  value: unknown;
  body: string;
  problems: Problem[];
  /** Line and column, counting from 1, of a path in the front matter, or of its nearest parent. */
  at(path: readonly PropertyKey[]): { line: number; column: number };
}

/** The YAML between the first two lines `---` and the Markdown below. Nothing is executed; never throws. */
export function splitFrontMatter(source: string): Split {
  const text = source.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
  const open = /^---[ \t]*\n/.exec(text);
  const nowhere = () => ({ line: 1, column: 1 });
  if (!open) return { value: null, body: text, problems: [], at: nowhere };
  const below = text.slice(open[0].length);
  const close = /^---[ \t]*$/m.exec(below);
  const refused = (what: string, fix: string): Split => ({
    ...{ value: null, body: "", at: nowhere },
    problems: [{ severity: "error", line: 1, column: 1, what, fix }],
  });
  if (!close)
    return refused("the front matter has no end", "a line `---` between the front matter and the text");
  if (close.index > longest)
    return refused(`the front matter is longer than ${longest / 1024} kB`, "the long part below it");
  const yaml = below.slice(0, close.index);
  const body = below.slice(close.index + close[0].length).trim();
  const place = (offset: number) => {
    const before = yaml.slice(0, Math.max(0, offset)).split("\n");
    return { line: before.length + 1, column: (before.at(-1) as string).length + 1 };
  };
  try {
    const document = parseDocument(yaml, { prettyErrors: false, stringKeys: true, version: "1.2" });
    const [error] = [...document.errors, ...document.warnings];
    if (error)
      return {
        ...{ value: null, body, at: nowhere },
        problems: [
          {
            ...{ severity: "error", ...place(error.pos[0]) },
            what: `this is not valid YAML: ${error.message.split("\n")[0]?.replace(/\.$/, "")}`,
            fix: 'key: value, with the value in "quotes" if it holds `: `, ` #` or begins with a sign',
          },
        ],
      };
    return {
      value: document.toJS({ maxAliasCount: 100 }) as unknown,
      body,
      problems: [],
      at: (path) => place(offsetOf(document.contents, path)),
    };
  } catch (error) {
    return refused(
      `the front matter cannot be read: ${(error as Error).message}`,
      "plain `key: value` lines",
    );
  }
}

function offsetOf(contents: unknown, path: readonly PropertyKey[]): number {
  let node = contents;
  let offset = 0;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === part);
      if (!pair) break;
      offset = isScalar(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(part)];
      const range = (node as { range?: [number, number, number] } | undefined)?.range;
      offset = range?.[0] ?? offset;
    } else break;
  }
  return offset;
}

/** What a schema has against a value, each with its place. */
export function explainIssues(
  split: Split,
  issues: readonly z.core.$ZodIssue[],
  fixes: Readonly<Record<string, string>>,
): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    const path = issue.path;
    const key = path.map(String).join(".");
    const fix = fixes[String(path[0] ?? "")] ?? "a value of the form that docs/goals.md shows";
    if (issue.code === "invalid_union") {
      // Of the alternatives, the one whose outermost form fits explains best what is wrong inside it.
      const fitting = issue.errors.find((inner) =>
        inner.every((each) => each.code !== "invalid_type" || each.path.length > 1),
      );
      if (fitting)
        return explainIssues(
          split,
          fitting.map((each) => ({ ...each, path: [...path, ...each.path] })),
          fixes,
        );
      return [{ severity: "error", ...split.at(path), what: `\`${key}\` has none of the known forms`, fix }];
    }
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((unknown) => ({
        ...{ severity: "error", ...split.at([...path, unknown]) },
        what: `unknown key \`${[...path.map(String), unknown].join(".")}\``,
        fix: path.length === 0 ? `one of ${Object.keys(fixes).join(", ")}; or leave it out` : fix,
      }));
    return [
      {
        ...{ severity: "error", ...split.at(path) },
        what:
          key === "" ? "the front matter is not made of `key: value` lines" : `\`${key}\`: ${issue.message}`,
        fix,
      },
    ];
  });
}
