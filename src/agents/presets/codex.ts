import { readFileSync } from "node:fs";
import { stringify } from "smol-toml";
import type { TraceEvent } from "../../trace.ts";
import type { TurnEnding } from "../agent.ts";
import type { Preset, Reader } from "./preset.ts";
import { homeOf, keyFor, loginFrom, providers, withKey } from "./providers.ts";
import { signOf } from "./signs.ts";
import { asText, contentText, type Fields, fields, number, parseObject, string } from "./values.ts";

/** OpenAI's Codex, run as `codex exec`. It speaks the Responses API only. */
export const codex: Preset = {
  name: "codex",
  program: { name: "codex", install: "install Codex: npm install -g @openai/codex" },
  reports: { tokens: true, dollars: false },

  connect(env) {
    const found = withKey(keyFor("openai", env, ["CODEX_API_KEY"]));
    if (found) return found;
    const file = env.CODEX_HOME ? `${env.CODEX_HOME}/auth.json` : homeOf(env, ".codex/auth.json");
    const key = keyIn(file);
    if (key !== null)
      return {
        kind: "keys",
        keys: [{ provider: "openai", base: new URL(providers.openai.base), key, variable: "OPENAI_API_KEY" }],
      };
    return (
      loginFrom(file, ".codex/auth.json", ["chatgpt.com", "auth.openai.com", "api.openai.com"]) ?? {
        kind: "none",
        message: "set OPENAI_API_KEY, or log in once with `codex login`",
      }
    );
  },

  plan({ providers: [provider], home, model, confined, mcp }) {
    const config = {
      ...(model === undefined ? {} : { model }),
      approval_policy: "never",
      // Its own sandbox inside ours makes every edit fail.
      sandbox_mode: confined ? "danger-full-access" : "workspace-write",
      check_for_update_on_startup: false,
      analytics: { enabled: false },
      ...(provider
        ? {
            model_provider: "whetstone",
            model_providers: {
              whetstone: {
                name: "whetstone",
                base_url: provider.base,
                wire_api: "responses",
                env_key: "OPENAI_API_KEY",
                request_max_retries: 3,
                stream_max_retries: 3,
              },
            },
          }
        : {}),
      ...(mcp
        ? {
            mcp_servers: {
              [mcp.name]: {
                url: mcp.url,
                bearer_token_env_var: "WHETSTONE_MCP_TOKEN",
                required: true,
                default_tools_approval_mode: "approve",
              },
            },
          }
        : {}),
    };
    return {
      args: ["exec", "--json", "--skip-git-repo-check", "-"],
      env: {
        CODEX_HOME: `${home}/.codex`,
        // For codex-acp, which has a sandbox and approvals of its own beside the configuration.
        INITIAL_AGENT_MODE: confined ? "agent-full-access" : "workspace-write",
        ...(provider ? { OPENAI_API_KEY: provider.token } : {}),
        ...(mcp ? { WHETSTONE_MCP_TOKEN: mcp.token } : {}),
      },
      files: { ".codex/config.toml": stringify(config) },
    };
  },

  reader: readCodex,
};

/** A login with an API key keeps it in the same file as one with an account. */
function keyIn(file: string): string | null {
  try {
    const auth = fields(JSON.parse(readFileSync(file, "utf8")));
    return auth.tokens == null ? string(auth.OPENAI_API_KEY) : null;
  } catch {
    return null;
  }
}

function readCodex(): Reader {
  const open = new Set<string>();
  let text = "";
  let lastError = "";
  let sign: TurnEnding | null = null;

  function started(item: Fields, at: number): TraceEvent[] {
    const id = string(item.id) ?? "";
    const tool = toolOf(item);
    if (tool === null || open.has(id)) return [];
    open.add(id);
    return [{ at, type: "call", id, tool: tool.name, args: tool.args }];
  }

  function completed(item: Fields, at: number): TraceEvent[] {
    const said = string(item.text) ?? "";
    switch (item.type) {
      case "agent_message":
        text = said;
        return [{ at, type: "message", role: "assistant", text: said }];
      case "reasoning":
        return [{ at, type: "message", role: "reasoning", text: said }];
      case "error":
        return [{ at, type: "note", text: string(item.message) ?? "" }];
    }
    const before = started(item, at);
    const id = string(item.id) ?? "";
    if (!open.delete(id)) return before;
    const error = string(fields(item.error).message) ?? (string(item.error) || null);
    const ok = item.status !== "failed" && item.status !== "declined" && error === null;
    const code = number(item.exit_code);
    const output =
      item.type === "mcp_tool_call"
        ? contentText(fields(item.result).content)
        : asText(item.aggregated_output);
    return [
      ...before,
      {
        ...{ at, type: "result", id, ok, output },
        error: ok ? null : (error ?? (code === null ? (output ?? string(item.status)) : `exit code ${code}`)),
        exitCode: code,
        ms: null,
        msFrom: null,
      },
    ];
  }

  function failed(message: string, at: number): TraceEvent[] {
    sign = signOf(statusIn(message), message);
    return [{ at, type: "final", ok: false, text: "", reason: message }];
  }

  return {
    read(line, at) {
      const event = parseObject(line);
      if (!event) return null;
      const item = fields(event.item);
      switch (event.type) {
        case "thread.started":
          return [
            {
              at,
              type: "begin",
              agent: "codex",
              version: null,
              model: null,
              session: string(event.thread_id),
            },
          ];
        case "item.started":
          return started(item, at);
        case "item.completed":
          return completed(item, at);
        case "turn.completed": {
          const usage = fields(event.usage);
          return [
            // The sum over the whole thread, which begins with the turn here.
            {
              ...{ at, type: "usage", scope: "total" },
              input: number(usage.input_tokens),
              output: number(usage.output_tokens),
              cached: number(usage.cached_input_tokens),
              dollars: null,
            },
            { at, type: "final", ok: true, text, reason: null },
          ];
        }
        case "turn.failed":
          return failed(string(fields(event.error).message) ?? lastError, at);
        case "error":
          // It says so before each new attempt too; only `turn.failed` is final.
          lastError = string(event.message) ?? "";
          sign = signOf(statusIn(lastError), lastError);
          return [{ at, type: "retry", attempt: attemptIn(lastError), reason: lastError }];
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

function toolOf(item: Fields): { name: string; args: string | null } | null {
  switch (item.type) {
    case "command_execution":
      return { name: "shell", args: asText({ command: item.command }) };
    case "file_change":
      return { name: "apply_patch", args: asText({ changes: item.changes }) };
    case "mcp_tool_call":
      return {
        name: `${string(item.server) ?? ""}.${string(item.tool) ?? ""}`,
        args: asText(item.arguments),
      };
    case "web_search":
      return { name: "web_search", args: asText({ query: item.query }) };
    default:
      return null;
  }
}

function statusIn(message: string): number | null {
  const status = /(?:status|http)[^\d]{0,12}(\d{3})\b/i.exec(message)?.[1];
  return status === undefined ? null : Number(status);
}

function attemptIn(message: string): number | null {
  const attempt = /(\d+)\s*\/\s*\d+/.exec(message)?.[1];
  return attempt === undefined ? null : Number(attempt);
}
