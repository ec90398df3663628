import { parseDocument } from "yaml";
import type { z } from "zod";
import { type Problem, placeOf, splitFrontMatter, yamlFault } from "../contract/index.ts";

export interface Split {
  /** What the YAML says; null: there is none. */
  value: unknown;
  body: string;
  problems: Problem[];
  /** Line and column, counting from 1, of a path in the front matter, or of its nearest parent. */
  at: (path: readonly PropertyKey[]) => { line: number; column: number };
}

/** A Markdown file with or without front matter. Nothing is executed; never throws. */
export function readFrontMatter(source: string): Split {
  const nowhere = () => ({ line: 1, column: 1 });
  const refused = (what: string, fix: string, body = "", place = nowhere()): Split => ({
    ...{ value: null, body, at: nowhere },
    problems: [{ severity: "error", ...place, what, fix }],
  });
  const parts = splitFrontMatter(source, { begins: "", between: "the front matter and the text" });
  if ("what" in parts)
    return parts.absent
      ? {
          value: null,
          body: source.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n"),
          problems: [],
          at: nowhere,
        }
      : refused(parts.what, parts.fix);
  const { yaml, at } = parts;
  const body = parts.body.trim();
  try {
    const document = parseDocument(yaml, { prettyErrors: false, stringKeys: true, version: "1.2" });
    const [error] = [...document.errors, ...document.warnings];
    if (error) {
      const { what, fix } = yamlFault(error);
      return refused(what, fix, body, at(error.pos[0]));
    }
    return {
      value: document.toJS({ maxAliasCount: 100 }) as unknown,
      body,
      problems: [],
      at: (path) => at(placeOf(document.contents, path)),
    };
  } catch (error) {
    return refused(
      `the front matter cannot be read: ${(error as Error).message}`,
      "plain `key: value` lines",
    );
  }
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
