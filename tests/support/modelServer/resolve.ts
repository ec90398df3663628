import type { JsonSchema, OfferedTool } from "./request.ts";
import type { NamedCall, Operation } from "./script.ts";

/** A call in the terms of one agent. */
export interface ResolvedCall {
  name: string;
  namespace?: string;
  args: Record<string, unknown>;
  /** For tools that take free text: that text, instead of `args`. */
  input?: string;
}

const names = {
  read: ["read", "read_file"],
  edit: ["edit", "replace"],
  write: ["write", "write_file"],
  shell: ["bash", "run_shell_command", "shell_command", "exec_command", "shell"],
};

/** What the parameters are called, without case and underscores. */
const parameters = {
  path: ["filepath", "path", "absolutepath", "file"],
  old: ["oldstring", "oldtext"],
  new: ["newstring", "newtext"],
  content: ["content", "contents"],
  command: ["command", "cmd"],
};

/**
 * The call that carries out an operation with the tools that a request offers: by the tool made for it, else by a patch,
 * else through the shell.
 *
 * @throws Error naming the tools offered when none of them can do it.
 */
export function resolve(call: Operation | NamedCall, offered: readonly OfferedTool[]): ResolvedCall {
  if ("name" in call) {
    const tool = offered.find((each) => each.name === call.name);
    return { ...call, ...(tool?.namespace === undefined ? {} : { namespace: tool.namespace }) };
  }
  const program = offered.find((each) => each.nested);
  if (program)
    return {
      name: program.name,
      args: {},
      input: programText(call),
      ...(program.namespace === undefined ? {} : { namespace: program.namespace }),
    };
  if (call.op === "mcp") {
    const tool = offered.find((each) => isMcp(each, call.server, call.tool));
    if (!tool) throw notOffered(`the tool ${call.tool} of the MCP server ${call.server}`, offered);
    return {
      name: tool.name,
      args: call.args,
      ...(tool.namespace === undefined ? {} : { namespace: tool.namespace }),
    };
  }
  const tool = find(offered, names[call.op]);
  if (tool) return { name: tool.name, args: argumentsFor(tool.schema ?? {}, call) };
  const patch = offered.find((each) => each.name === "apply_patch");
  const text = patchText(call);
  if (patch && text !== null) {
    if (patch.schema === null) return { name: patch.name, args: {}, input: text };
    const property = Object.keys(patch.schema.properties ?? {})[0] ?? "input";
    return { name: patch.name, args: { [property]: text } };
  }
  const shell = find(offered, names.shell);
  if (!shell || call.op === "shell") throw notOffered(`a tool for "${call.op}"`, offered);
  return {
    name: shell.name,
    args: argumentsFor(shell.schema ?? {}, { op: "shell", command: shellText(call) }),
  };
}

function find(offered: readonly OfferedTool[], wanted: readonly string[]): OfferedTool | undefined {
  for (const name of wanted) {
    const tool = offered.find((each) => each.name.toLowerCase() === name && each.namespace === undefined);
    if (tool) return tool;
  }
  return undefined;
}

/** `mcp__lab__measure`, `mcp_lab_measure`, `lab_measure`; `measure` in the namespace `mcp__lab`. */
function isMcp(tool: OfferedTool, server: string, name: string): boolean {
  const bare = (text: string) => text.replace(/^mcp_+/, "").replace(/_+$/, "");
  if (tool.namespace !== undefined) return bare(tool.namespace) === server && tool.name === name;
  return bare(tool.name) === `${server}__${name}` || bare(tool.name) === `${server}_${name}`;
}

function argumentsFor(schema: JsonSchema, call: Exclude<Operation, { op: "mcp" }>): Record<string, unknown> {
  const properties = schema.properties ?? {};
  const args: Record<string, unknown> = {};
  for (const [property, type] of Object.entries(properties)) {
    const value = valueFor(property, type, call);
    if (value !== undefined) args[property] = value;
    else if (schema.required?.includes(property)) args[property] = filler(type);
  }
  return args;
}

function valueFor(property: string, type: JsonSchema, call: Exclude<Operation, { op: "mcp" }>): unknown {
  const plain = property.toLowerCase().replaceAll("_", "");
  for (const [key, spellings] of Object.entries(parameters)) {
    if (!spellings.includes(plain)) continue;
    const value = (call as unknown as Record<string, unknown>)[key];
    if (value === undefined) return undefined;
    return key === "command" && type.type === "array" ? ["bash", "-c", value] : value;
  }
  if (plain === "edits" && call.op === "edit") return [argumentsFor(type.items ?? {}, call)];
  return undefined;
}

/** The least that fits a schema: for what is insisted on and the script has no word for, such as a description. */
export function filler(schema: JsonSchema): unknown {
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf)
    return schema.anyOf.some(({ type }) => type === "null") ? null : filler(schema.anyOf[0] ?? {});
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === "boolean") return false;
  if (type === "number" || type === "integer") return schema.minimum ?? 1;
  if (type === "array") return [];
  if (type === "object")
    return Object.fromEntries(
      Object.entries(schema.properties ?? {})
        .filter(([name]) => schema.required?.includes(name))
        .map(([name, inner]) => [name, filler(inner)]),
    );
  return "as scripted";
}

function patchText(call: Exclude<Operation, { op: "mcp" }>): string | null {
  const lines = (sign: string, text: string) =>
    text
      .replace(/\n$/, "")
      .split("\n")
      .map((line) => sign + line);
  const wrapped = (...inner: string[]) => ["*** Begin Patch", ...inner, "*** End Patch", ""].join("\n");
  if (call.op === "edit")
    return wrapped(`*** Update File: ${call.path}`, "@@", ...lines("-", call.old), ...lines("+", call.new));
  if (call.op === "write") return wrapped(`*** Add File: ${call.path}`, ...lines("+", call.content));
  return null;
}

/** For a tool that runs JavaScript, which calls the tools proper. */
function programText(call: Operation): string {
  const patch = call.op === "mcp" ? null : patchText(call);
  const [tool, argument] =
    call.op === "mcp"
      ? [`mcp__${call.server}__${call.tool}`, call.args]
      : patch === null
        ? ["exec_command", { cmd: call.op === "shell" ? call.command : shellText(call) }]
        : ["apply_patch", patch];
  return `text(await tools.${tool}(${JSON.stringify(argument)}));`;
}

function shellText(call: Exclude<Operation, { op: "mcp" | "shell" }>): string {
  if (call.op === "read") return `cat -- ${quoted(call.path)}`;
  if (call.op === "write") return `printf %s ${quoted(call.content)} > ${quoted(call.path)}`;
  return `OLD=${quoted(call.old)} NEW=${quoted(call.new)} perl -0pi -e 's/\\Q$ENV{OLD}\\E/$ENV{NEW}/' ${quoted(call.path)}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function notOffered(what: string, offered: readonly OfferedTool[]): Error {
  const list = offered.map(({ name, namespace }) => (namespace ? `${namespace}/${name}` : name)).join(", ");
  return new Error(`The script needs ${what}; the request offers: ${list || "none"}.`);
}
