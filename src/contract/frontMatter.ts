import { isMap, isNode, isPair, isScalar, isSeq, type Node, type YAMLError } from "yaml";

/** A Markdown file's front matter: YAML, not yet read. */
export interface FrontMatterParts {
  yaml: string;
  /** What stands below it, as it is written. */
  body: string;
  /** Line and column in the file, counting from 1, of an offset in the YAML. */
  at: (offset: number) => { line: number; column: number };
}

/** What is wrong with the beginning of the file; `absent`: it does not even try to have front matter. */
export interface NoFrontMatter {
  what: string;
  fix: string;
  absent: boolean;
}

/**
 * Divides a file at its first two lines `---`. Nothing is executed; never throws. Lines end with `\n` afterwards, their
 * offsets are kept.
 *
 * @param words.begins what to write where there is none, e.g. "a first line `---`, then name: and a line `---`".
 * @param words.between what the closing line divides, e.g. "the contract and the instructions".
 * @param longest characters. Front matter is written by hand: a longer one is a mistake, and slow to read.
 */
export function splitFrontMatter(
  source: string,
  words: { begins: string; between: string },
  longest = 256 * 1024,
): FrontMatterParts | NoFrontMatter {
  const text = source.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
  const open = /^---[ \t]*(\n|$)/.exec(text);
  if (!open) {
    const language = /^---[ \t]*([^\s-]\S{0,40})/.exec(text)?.[1];
    return language === undefined
      ? { what: "there is no front matter", fix: words.begins, absent: true }
      : {
          what: `the front matter begins with \`---${language}\`: only YAML is read, and nothing is executed`,
          fix: "a first line of just `---`, and YAML below it",
          absent: false,
        };
  }
  const below = text.slice(open[0].length);
  const close = /^---[ \t]*$/m.exec(below);
  if (!close)
    return {
      what: "the front matter has no end",
      fix: `a line \`---\` between ${words.between}`,
      absent: false,
    };
  if (close.index > longest)
    return {
      what: `the front matter is longer than ${longest / 1024} kB`,
      fix: "the long part below the front matter",
      absent: false,
    };
  const yaml = below.slice(0, close.index).replaceAll("\r", " ");
  return {
    yaml,
    body: below.slice(close.index + close[0].length),
    // Counted here: the library's own counter loses lines after some syntax errors.
    at(offset) {
      const before = yaml.slice(0, Math.max(0, offset)).split("\n");
      // The line `---` comes before the YAML's own first line.
      return { line: before.length + 1, column: (before.at(-1) as string).length + 1 };
    },
  };
}

/** Offset of what is at a path of a YAML document; of its nearest parent where the path leads nowhere. */
export function placeOf(contents: unknown, path: readonly PropertyKey[]): number {
  let node = contents;
  let offset = 0;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === part);
      if (!pair) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node =
        typeof part === "string" ? node.items.find((item) => names(item, part)) : node.items[Number(part)];
      offset = (isNode(node) ? node.range?.[0] : undefined) ?? offset;
    } else break;
  }
  return offset;
}

/** Whether an item of a list is this text, or an object that has it as a key or as a value: `{name: TEXT}`. */
function names(item: unknown, text: string): boolean {
  if (isScalar(item)) return item.value === text;
  return (
    isMap(item) &&
    item.items.some(
      ({ key, value }) => (isScalar(key) && key.value === text) || (isScalar(value) && value.value === text),
    )
  );
}

/** The library's errors in the words of somebody who has never read the YAML specification. */
export function yamlFault({ code, message }: YAMLError): { what: string; fix: string } {
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
