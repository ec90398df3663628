import { type Document, isAlias, isMap, isSeq, type Node, parseDocument, visit } from "yaml";
import { type Problem, placeOf, splitFrontMatter, yamlFault } from "../contract/index.ts";
import { type Fault, type FrontMatter, faultsOf, type Value } from "./rules.ts";
import type { Skill } from "./skill.ts";
import { splitTools } from "./tools.ts";

export interface ParsedSkill {
  /**
   * Null when there is no readable front matter, no name or no description. Otherwise what can be read of it, even where
   * there are problems: a skill that others use is not thrown away for a formality.
   */
  skill: Skill | null;
  /** Keys that the specification does not know, e.g. those of the richer front matter (richer.ts). */
  extra: FrontMatter;
  /** `error`: the reference validator refuses it. `warning`: the specification asks for something else. */
  problems: Problem[];
}

/** Front matter is short by its nature: a longer one is a mistake, and slow to read. In characters. */
const longest = 64 * 1024;

/**
 * Reads a `SKILL.md`. Nothing in it is executed; every value is read as the text that it is written as, so `name: 123`
 * is the name "123". Never throws: whatever is wrong comes back as problems with a place, in the order of the text.
 *
 * @param folder name of the folder that it lies in, which must be the skill's name; null: not known.
 * @param files the folder's other files, handed through.
 */
export function parseSkill(
  source: string,
  folder: string | null = null,
  files: ReadonlyMap<string, Buffer> = new Map(),
): ParsedSkill {
  const nothing = (problem: Omit<Problem, "severity">): ParsedSkill => ({
    skill: null,
    extra: {},
    problems: [{ severity: "error", ...problem }],
  });
  const parts = splitFrontMatter(
    source.replaceAll(/\r\n?/g, "\n"),
    {
      begins: "a first line of just `---`, then name: and description:, then a line `---`",
      between: "the front matter and the instructions",
    },
    longest,
  );
  if ("what" in parts) return nothing({ line: 1, column: 1, what: parts.what, fix: parts.fix });
  const { yaml, body: instructions, at } = parts;

  let document: Document.Parsed;
  let value: unknown;
  try {
    document = parseDocument(yaml, {
      prettyErrors: false,
      schema: "failsafe",
      stringKeys: true,
      version: "1.2",
    });
    const [broken] = document.errors.toSorted((a, b) => a.pos[0] - b.pos[0]);
    if (broken) return nothing({ ...at(broken.pos[0]), ...yamlFault(broken) });
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    // Aliases that multiply, or nesting that exhausts the stack.
    return nothing({
      ...at(0),
      what: `the front matter cannot be read: ${(error as Error).message}`,
      fix: "plain `key: value` lines",
    });
  }
  if (!isMap(document.contents) || !isMapping(value))
    return nothing({
      ...at(0),
      what: "the front matter is not made of `key: value` lines",
      fix: "name: and description:, each on a line of its own",
    });

  const problems: Problem[] = [...notPlain(document), ...threeHyphens(yaml)].map(({ offset, ...said }) => ({
    severity: "error",
    ...at(offset),
    ...said,
  }));
  for (const { path, ...said } of faultsOf(value, folder))
    problems.push({ ...said, ...at(placeOf(document.contents, path)) });
  if (source.startsWith("\uFEFF"))
    problems.push({
      ...{ severity: "error", line: 1, column: 1, what: "a byte order mark stands before `---`" },
      fix: "the file as UTF-8 without it",
    });
  problems.sort((a, b) => a.line - b.line || a.column - b.column);

  const { name, description, license, compatibility, metadata, "allowed-tools": tools, ...extra } = value;
  if (typeof name !== "string" || name.trim() === "") return { skill: null, extra, problems };
  if (typeof description !== "string" || description.trim() === "") return { skill: null, extra, problems };
  const skill: Skill = {
    name: name.trim().normalize("NFKC"),
    description: description.trim(),
    ...(typeof license === "string" && license !== "" ? { license } : {}),
    ...(typeof compatibility === "string" && compatibility !== "" ? { compatibility } : {}),
    metadata: isMapping(metadata)
      ? Object.fromEntries(
          Object.entries(metadata).map(([key, each]) => [
            key,
            typeof each === "string" ? each : JSON.stringify(each),
          ]),
        )
      : {},
    allowedTools: Array.isArray(tools)
      ? tools.filter((each) => typeof each === "string")
      : splitTools(typeof tools === "string" ? tools : ""),
    instructions: plainInstructions(instructions),
    files,
  };
  return { skill, extra, problems };
}

/** Instructions as they are kept: lines end with `\n`, no empty lines before them and nothing blank after them. */
export function plainInstructions(text: string): string {
  return text
    .replaceAll(/\r\n?/g, "\n")
    .replace(/^(?:[ \t]*\n)+/, "")
    .trimEnd();
}

export function isMapping(value: unknown): value is Record<string, Value> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

type Placed = Pick<Fault, "what" | "fix"> & { offset: number };

/** What the reference's strict YAML refuses: tags, anchors, references, and lists and maps on one line. */
function notPlain(document: Document.Parsed): Placed[] {
  const found: Placed[] = [];
  const add = (node: Node, what: string, fix: string) =>
    found.push({ offset: node.range?.[0] ?? 0, what, fix });
  visit(document, {
    Node(_, node) {
      if (isAlias(node) || node.anchor !== undefined)
        add(node, "an anchor or a reference is not plain data", "the value itself");
      else if (node.tag !== undefined) add(node, "a tag is not plain data", "the value without the tag");
      else if (isMap(node) && node.flow)
        add(node, "strict YAML has no map on one line", "each `key: value` on an indented line of its own");
      else if (isSeq(node) && node.flow)
        add(node, "strict YAML has no list on one line", "one text with spaces between its parts");
    },
  });
  return found;
}

/** The reference reader ends the front matter at the first three hyphens, wherever they stand. */
function threeHyphens(yaml: string): Placed[] {
  const offset = yaml.indexOf("---");
  if (offset < 0) return [];
  const what = "`---` within a value: other readers end the front matter there";
  return [{ offset, what, fix: "the value without three hyphens in a row" }];
}
