import { openRedactor } from "../../redaction/index.ts";

/** Keys under which tools take a path, and a command line. */
const pathKeys = new Set(["path", "file", "file_path", "filepath", "filename", "notebook_path"]);
const commandKeys = new Set(["command", "cmd", "script"]);

/**
 * A call without what is particular to one task: the tool and the shape of its arguments. Paths become their endings,
 * command lines the programs that they start (with a subcommand where the first word after is one), all else the names
 * of the arguments: `read(*.csv)`, `run(git commit | npm test)`, `search(pattern, glob)`.
 */
export function shapeOf(tool: string, args: string | null): string {
  return `${tool.toLowerCase()}(${args === null ? "" : argumentShape(args)})`;
}

function argumentShape(args: string): string {
  let given: unknown;
  try {
    given = JSON.parse(args);
  } catch {
    return "text";
  }
  if (given === null || typeof given !== "object" || Array.isArray(given)) return typeof given;
  const entries = Object.entries(given as Record<string, unknown>);
  for (const [key, value] of entries) {
    if (!commandKeys.has(key.toLowerCase())) continue;
    const line = Array.isArray(value) ? commandLine(value.map(String)) : value;
    if (typeof line === "string") return programsOf(line);
  }
  const parts = entries.map(([key, value]) =>
    pathKeys.has(key.toLowerCase()) && typeof value === "string" ? endingOf(value) : key,
  );
  return parts.sort().slice(0, 8).join(", ");
}

/** `["bash", "-lc", "npm test"]` is `npm test`. */
function commandLine(words: readonly string[]): string {
  const flag = words.findIndex((word) => /^-\w*c$/.test(word));
  return flag > 0 && /(?:^|\/)(?:ba|z|da)?sh$/.test(words[0] ?? "")
    ? words.slice(flag + 1).join(" ")
    : words.join(" ");
}

function endingOf(path: string): string {
  const name = path.split(/[\\/]/).at(-1) ?? "";
  const dot = name.lastIndexOf(".");
  return dot > 0 ? `*${name.slice(dot).toLowerCase()}` : name === "" ? "folder/" : "file";
}

/** Programs whose first word after tells what they do. */
const withSubcommand =
  /^(?:git|npm|npx|pnpm|yarn|cargo|go|docker|kubectl|gh|pip|pip3|uv|poetry|make|dotnet|bundle|brew|apt|apt-get|systemctl|terraform)$/;

function programsOf(line: string): string {
  const programs: string[] = [];
  for (const piece of line.split(/&&|\|\||[;|\n]/)) {
    const words = piece
      .trim()
      .split(/\s+/)
      .filter((word) => !/^\w+=/.test(word) && word !== "sudo");
    const [program = "", next = ""] = words;
    const name = program.split("/").at(-1) ?? "";
    if (!/^[\w.+-]{1,40}$/.test(name)) continue;
    programs.push(withSubcommand.test(name) && /^[a-z][\w:-]{0,30}$/.test(next) ? `${name} ${next}` : name);
    if (programs.length === 4) break;
  }
  return programs.join(" | ") || "command";
}

/** Characters of an error's line that are looked at. */
const mostOfLine = 4000;

/** What an error says, without what is particular to one case: first telling line, numbers, quotes and paths left out. */
export function errorClass(error: string): string {
  const lines = error
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const telling = lines.find((line) => /error|exception|fail|cannot|denied|not found|no such/i.test(line));
  // Before anything is taken out of it, by which a secret could be known for one.
  return openRedactor()((telling ?? lines[0] ?? "no message").slice(0, mostOfLine))
    .replaceAll(/(["'`])(?:(?!\1).){1,200}\1/g, "…")
    .replaceAll(/(?:[\w.@~-]*[\\/])+[\w.@-]+/g, "<path>")
    .replaceAll(/\d+/g, "#")
    .slice(0, 120);
}

/** Whether a call may change what later calls see. */
export function changes(tool: string): boolean {
  return /write|edit|patch|create|delete|remove|move|rename|run|bash|shell|exec|command|javascript|python|mcp/i.test(
    tool,
  );
}

/** The file that a call writes whole; null: it does no such thing. */
export function wholeWrite(tool: string, args: string | null): string | null {
  if (args === null || !/^(?:write|write_file|create_file)$/i.test(tool)) return null;
  return pathIn(args);
}

export function pathIn(args: string): string | null {
  try {
    for (const [key, value] of Object.entries(JSON.parse(args) as Record<string, unknown>))
      if (pathKeys.has(key.toLowerCase()) && typeof value === "string") return value;
  } catch {
    // Arguments that are no JSON name no path.
  }
  return null;
}
