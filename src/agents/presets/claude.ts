import type { TraceEvent } from "../../trace.ts";
import type { TurnEnding } from "../agent.ts";
import type { Preset, Reader } from "./preset.ts";
import { homeOf, keyFor, loginFrom, withKey } from "./providers.ts";
import { signOf } from "./signs.ts";
import {
  asText,
  contentText,
  type Fields,
  fields,
  list,
  moment,
  number,
  parseObject,
  string,
} from "./values.ts";

/** Claude Code, run as `claude -p`. */
export const claude: Preset = {
  name: "claude",
  program: { name: "claude", install: "install Claude Code: npm install -g @anthropic-ai/claude-code" },
  reports: { tokens: true, dollars: true },

  connect(env) {
    return (
      withKey(keyFor("anthropic", env, ["CLAUDE_CODE_OAUTH_TOKEN"])) ??
      loginFrom(
        env.CLAUDE_CONFIG_DIR
          ? `${env.CLAUDE_CONFIG_DIR}/.credentials.json`
          : homeOf(env, ".claude/.credentials.json"),
        ".claude/.credentials.json",
        ["api.anthropic.com", "console.anthropic.com", "platform.claude.com", "claude.ai"],
      ) ?? { kind: "none", message: "set ANTHROPIC_API_KEY, or log in once with `claude`" }
    );
  },

  plan({ providers: [provider], home, model, confined, dollars, mcp }) {
    const config = {
      mcpServers: mcp
        ? { [mcp.name]: { type: "http", url: mcp.url, headers: { Authorization: `Bearer ${mcp.token}` } } }
        : {},
    };
    return {
      args: [
        ...["-p", "--output-format", "stream-json", "--verbose"],
        ...(model === undefined ? [] : ["--model", model]),
        ...["--permission-mode", confined ? "bypassPermissions" : "acceptEdits"],
        ...(dollars === undefined ? [] : ["--max-budget-usd", String(dollars)]),
        ...["--mcp-config", `${home}/mcp.json`, "--strict-mcp-config"],
        ...(mcp ? ["--allowedTools", `mcp__${mcp.name}`] : []),
      ],
      env: {
        CLAUDE_CONFIG_DIR: `${home}/.claude`,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
        CLAUDE_CODE_MAX_RETRIES: "3",
        // Over ACP it would ask its model after each turn what a person might type next.
        CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION: "false",
        // It refuses to grant everything to root unless told that it is confined.
        ...(confined ? { IS_SANDBOX: "1" } : {}),
        ...(mcp ? { ENABLE_TOOL_SEARCH: "false" } : {}),
        ...(provider ? { ANTHROPIC_BASE_URL: provider.base, [provider.variable]: provider.token } : {}),
      },
      files: { "mcp.json": JSON.stringify(config) },
    };
  },

  reader: readClaude,
};

function readClaude(): Reader {
  const counted = new Set<string>();
  const calls = new Map<string, { tool: string; at: number | null }>();
  let text = "";
  let sign: TurnEnding | null = null;

  function assistant(event: Fields, at: number): TraceEvent[] {
    const message = fields(event.message);
    const events: TraceEvent[] = [];
    for (const part of list(message.content).map(fields)) {
      const said = string(part.text) ?? "";
      if (part.type === "text" && said !== "") {
        text = said;
        events.push({ at, type: "message", role: "assistant", text: said });
      } else if (part.type === "thinking" && string(part.thinking))
        events.push({ at, type: "message", role: "reasoning", text: part.thinking as string });
      else if (part.type === "tool_use") {
        const id = string(part.id) ?? "";
        const tool = string(part.name) ?? "";
        calls.set(id, { tool, at: moment(event.timestamp) });
        events.push({ at, type: "call", id, tool, args: asText(part.input) });
      }
    }
    // The tokens of an answer are repeated with each of its parts, and those put out are known at the end only.
    const id = string(message.id) ?? "";
    if (!counted.has(id) && message.usage !== undefined && event.parent_tool_use_id == null) {
      counted.add(id);
      const { input, cached } = tokens(fields(message.usage));
      if (input !== null && input > 0)
        events.push({ at, type: "usage", scope: "step", input, output: null, cached, dollars: null });
    }
    return events;
  }

  function results(event: Fields, at: number): TraceEvent[] {
    return list(fields(event.message).content)
      .map(fields)
      .filter((part) => part.type === "tool_result")
      .map((part) => {
        const id = string(part.tool_use_id) ?? "";
        const output = contentText(part.content);
        const ok = part.is_error !== true;
        const call = calls.get(id);
        const [begun, ended] = [call?.at ?? null, moment(event.timestamp)];
        const ms = begun === null || ended === null ? null : Math.max(0, ended - begun);
        const code = /^Exit code (\d+)/.exec(output ?? "")?.[1];
        return {
          ...{ at, type: "result", id, ok, output, ms },
          error: ok ? null : code === undefined ? output : `exit code ${code}`,
          exitCode: call?.tool !== "Bash" ? null : ok ? 0 : code === undefined ? null : Number(code),
          msFrom: ms === null ? null : "agent",
        } satisfies TraceEvent;
      });
  }

  function result(event: Fields, at: number): TraceEvent[] {
    const ok = event.is_error !== true && event.subtype === "success";
    const said = string(event.result) ?? "";
    const reason =
      said !== ""
        ? said
        : (list(event.errors).flatMap((each) => string(each) ?? [])[0] ?? string(event.subtype));
    if (ok && said !== "") text = said;
    if (!ok)
      sign = /max_turns|max_budget/.test(string(event.subtype) ?? "")
        ? "limit"
        : signOf(number(event.api_error_status), reason ?? "");
    return [
      ...list(event.permission_denials).map(
        (each): TraceEvent => ({
          ...{ at, type: "denied", tool: string(fields(each).tool_name) },
          reason: "not allowed by its own permissions",
        }),
      ),
      {
        ...{ at, type: "usage", scope: "total" },
        ...tokens(fields(event.usage)),
        dollars: number(event.total_cost_usd),
      },
      { at, type: "final", ok, text: ok ? text : "", reason: ok ? null : reason },
    ];
  }

  return {
    read(line, at) {
      const event = parseObject(line);
      if (!event) return null;
      switch (event.type) {
        case "system":
          if (event.subtype === "init")
            return [
              {
                ...{ at, type: "begin", agent: "claude" },
                version: string(event.claude_code_version),
                model: string(event.model),
                session: string(event.session_id),
              },
            ];
          if (event.subtype === "api_retry")
            return [
              {
                ...{ at, type: "retry", attempt: number(event.attempt) },
                reason: [asText(event.error_status), asText(event.error)]
                  .filter((each) => each !== null)
                  .join(" "),
              },
            ];
          return [];
        case "assistant":
          return assistant(event, at);
        case "user":
          return results(event, at);
        case "result":
          return result(event, at);
        default:
          return [];
      }
    },
    end: () => [],
    get text() {
      return text;
    },
    get sign() {
      return sign;
    },
  };
}

/** Anthropic counts what comes from its cache, and what goes into it, apart from the input. */
function tokens(usage: Fields) {
  const input = number(usage.input_tokens);
  const cached = number(usage.cache_read_input_tokens);
  const written = number(usage.cache_creation_input_tokens);
  return {
    input: input === null ? null : input + (cached ?? 0) + (written ?? 0),
    output: number(usage.output_tokens),
    cached,
  };
}
