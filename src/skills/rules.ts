import type { Problem } from "../contract/index.ts";

/** What front matter can hold once it is read: texts, lists and maps of them. */
export type Value = string | readonly Value[] | { readonly [key: string]: Value };
export type FrontMatter = { readonly [key: string]: Value };

export interface Fault extends Pick<Problem, "severity" | "what" | "fix"> {
  /** The keys that lead to it; empty: the front matter as a whole. */
  path: string[];
}

const fields = ["name", "description", "license", "compatibility", "metadata", "allowed-tools"];

/**
 * The rules of the Agent Skills specification (agentskills.io). An `error` is what the reference validator,
 * `skills-ref validate`, refuses; a `warning` what the specification says beyond that.
 *
 * @param folder name of the skill's folder, which must be its name; null: not known.
 */
export function faultsOf(front: FrontMatter, folder: string | null): Fault[] {
  return [
    ...unknownKeys(front),
    ...nameFaults(front.name, folder),
    ...descriptionFaults(front.description),
    ...compatibilityFaults(front.compatibility),
    ...licenseFaults(front.license),
    ...metadataFaults(front.metadata),
    ...toolFaults(front["allowed-tools"]),
  ];
}

const error = (path: string[], what: string, fix: string): Fault => ({ severity: "error", path, what, fix });
const warning = (path: string[], what: string, fix: string): Fault => ({
  severity: "warning",
  path,
  what,
  fix,
});

function unknownKeys(front: FrontMatter): Fault[] {
  return Object.keys(front)
    .filter((key) => !fields.includes(key))
    .map((key) =>
      error(
        [key],
        `the specification knows no key \`${key}\``,
        key === "allowed_tools"
          ? "allowed-tools: with a hyphen, its tools separated by spaces"
          : `it below \`metadata:\`, as text (\`whet skill import\` does it)`,
      ),
    );
}

function nameFaults(value: Value | undefined, folder: string | null): Fault[] {
  if (value === undefined)
    return [error([], "there is no name", `name: ${folder ?? "what-it-does"}, the name of its folder`)];
  if (typeof value !== "string" || value.trim() === "")
    return [error(["name"], "the name is not a text", `name: ${folder ?? "what-it-does"}`)];
  const name = value.trim().normalize("NFKC");
  const found: Fault[] = [];
  const say = (what: string, fix: string) => found.push(error(["name"], what, fix));
  const length = signs(name);
  if (length > 64) say(`the name has ${length} characters`, "one of at most 64");
  const proposal = plainName(name);
  if (name !== name.toLowerCase()) say("the name has capital letters", `name: ${proposal}`);
  if (/^-|-$/.test(name)) say("the name begins or ends with a hyphen", `name: ${proposal}`);
  if (name.includes("--")) say("the name has two hyphens in a row", `name: ${proposal}`);
  if (/[^\p{L}\p{N}-]/u.test(name))
    say("the name has other signs than letters, digits and hyphens", `name: ${proposal}`);
  else if (/[^\p{ASCII}]/u.test(name))
    found.push(warning(["name"], "some agents read only the letters a to z in a name", "a name of those"));
  if (folder !== null && folder.normalize("NFKC") !== name)
    say(
      `the folder is called "${folder}" and the skill "${name}"`,
      "one name for both: rename the folder or the skill",
    );
  return found;
}

function descriptionFaults(value: Value | undefined): Fault[] {
  const fix = "description: what it does and when to use it";
  if (value === undefined) return [error([], "there is no description", fix)];
  if (typeof value !== "string" || value.trim() === "")
    return [error(["description"], "the description is not a text", fix)];
  const found: Fault[] = [];
  const length = signs(value);
  if (length > 1024)
    found.push(error(["description"], `the description has ${length} characters`, "at most 1024"));
  if (/[<>]/.test(value))
    found.push(
      warning(["description"], "`<` or `>` in the description: some readers refuse them", "words instead"),
    );
  return found;
}

function compatibilityFaults(value: Value | undefined): Fault[] {
  if (value === undefined) return [];
  if (typeof value !== "string")
    return [error(["compatibility"], "compatibility is not a text", "compatibility: Requires git and jq")];
  const length = signs(value);
  if (length > 500)
    return [error(["compatibility"], `compatibility has ${length} characters`, "at most 500")];
  return length > 0
    ? []
    : [warning(["compatibility"], "compatibility is empty", "what it needs, or no such line")];
}

function licenseFaults(value: Value | undefined): Fault[] {
  if (value === undefined || typeof value === "string") return [];
  return [warning(["license"], "the license is not a text", "license: MIT, or the name of a file")];
}

function metadataFaults(value: Value | undefined): Fault[] {
  if (value === undefined) return [];
  if (typeof value !== "object" || Array.isArray(value))
    return [warning(["metadata"], "metadata holds no `key: text` lines", "indented lines, or no metadata")];
  return Object.entries(value)
    .filter(([, each]) => typeof each !== "string")
    .map(([key]) =>
      warning(["metadata", key], `metadata holds texts only, and \`${key}\` is none`, `${key}: "a text"`),
    );
}

function toolFaults(value: Value | undefined): Fault[] {
  if (value === undefined || typeof value === "string") return [];
  return [
    warning(
      ["allowed-tools"],
      "allowed-tools is one text in the specification",
      `allowed-tools: ${Array.isArray(value) ? value.filter((each) => typeof each === "string").join(" ") : "Read Bash(git:*)"}`,
    ),
  ];
}

/** A name that the specification allows, as near as may be: "Web Research!" becomes `web-research`. */
export function plainName(text: string): string {
  const name = text
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 64)
    .replaceAll(/^-+|-+$/g, "");
  return name === "" ? "skill" : name;
}

/** The name itself where the specification allows it, else the nearest that it allows. */
export function allowedName(name: string): string {
  return nameFaults(name, null).some((fault) => fault.severity === "error") ? plainName(name) : name;
}

/** Characters as the reference counts them: code points. */
function signs(text: string): number {
  return Array.from(text).length;
}
