import { existsSync, readFileSync } from "node:fs";
import type { TraceEvent } from "../../trace.ts";
import type { TurnEnding } from "../agent.ts";
import { findProgram } from "../program.ts";
import type { Preset, Reached, Reader } from "./preset.ts";
import { anyKey, homeOf, loginFrom, type ProviderName, providerOf, withKey } from "./providers.ts";
import { signOf } from "./signs.ts";
import { asText, type Fields, fields, number, parseObject, string } from "./values.ts";

/** opencode, run as `opencode run`. */
export const opencode: Preset = {
  name: "opencode",
  program: { name: "opencode", install: "install opencode: npm install -g opencode-ai" },

  connect(env, model) {
    const file = env.XDG_DATA_HOME
      ? `${env.XDG_DATA_HOME}/opencode/auth.json`
      : homeOf(env, ".local/share/opencode/auth.json");
    return (
      withKey(anyKey(env, model)) ??
      loginFrom(file, ".local/share/opencode/auth.json", hostsOf(file)) ?? {
        kind: "none",
        message:
          "set ANTHROPIC_API_KEY, OPENAI_API_KEY, GEMINI_API_KEY or OPENROUTER_API_KEY, or log in once with `opencode auth login`",
      }
    );
  },

  /**
   * Its tools for skills, grep and glob are ripgrep, which it downloads once from where it finds none. Its home is a new
   * one each time, and nothing can be downloaded there.
   */
  brings(env) {
    const cached = `${env.XDG_CACHE_HOME ?? homeOf(env, ".cache")}/opencode/bin/rg`;
    const found = findProgram("rg", env)?.path ?? (existsSync(cached) ? cached : null);
    return found === null ? {} : { ".cache/opencode/bin/rg": found };
  },

  plan({ providers: [provider], home, model, confined, mcp }) {
    const rule = confined ? "allow" : "deny";
    const named = provider ? modelNamed(model, provider.name) : model;
    const config = {
      $schema: "https://opencode.ai/config.json",
      autoupdate: false,
      share: "disabled",
      ...(named === undefined ? {} : { model: named, small_model: named }),
      permission: { edit: "allow", bash: rule, webfetch: rule, external_directory: rule, question: "deny" },
      // A denied call must not end the turn as if all were well.
      experimental: { continue_loop_on_deny: true },
      ...(provider
        ? {
            enabled_providers: [provider.name],
            provider: { [provider.name]: providerConfig(provider, named) },
          }
        : {}),
      ...(mcp
        ? {
            mcp: {
              [mcp.name]: {
                type: "remote",
                url: mcp.url,
                headers: { Authorization: `Bearer ${mcp.token}` },
                oauth: false,
                enabled: true,
              },
            },
          }
        : {}),
    };
    return {
      args: ["run", "--format", "json"],
      env: {
        OPENCODE_CONFIG: `${home}/opencode.json`,
        OPENCODE_DISABLE_AUTOUPDATE: "1",
        OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
        OPENCODE_DISABLE_MODELS_FETCH: "1",
        OPENCODE_DISABLE_DEFAULT_PLUGINS: provider ? "1" : "0",
        XDG_DATA_HOME: `${home}/.local/share`,
        XDG_CONFIG_HOME: `${home}/.config`,
        XDG_STATE_HOME: `${home}/.local/state`,
        XDG_CACHE_HOME: `${home}/.cache`,
      },
      files: { "opencode.json": JSON.stringify(config) },
    };
  },

  reader: readOpencode,
};

/** Its provider packages want the version in the address, and name models `provider/model`. */
function providerConfig({ name, base, token }: Reached, model?: string) {
  const version = { anthropic: "/v1", google: "/v1beta", openai: "", openrouter: "" }[name];
  const id = model?.slice(name.length + 1);
  return {
    options: { baseURL: `${base}${version}`, apiKey: token },
    ...(id === undefined ? {} : { models: { [id]: {} } }),
  };
}

function modelNamed(model: string | undefined, provider: ProviderName): string | undefined {
  return model === undefined || providerOf(model) === provider ? model : `${provider}/${model}`;
}

/** The hosts of those providers that a login is there for. */
function hostsOf(file: string): string[] {
  const known: Record<string, string[]> = {
    anthropic: ["api.anthropic.com", "console.anthropic.com"],
    openai: ["api.openai.com", "auth.openai.com", "chatgpt.com"],
    google: ["generativelanguage.googleapis.com"],
    openrouter: ["openrouter.ai"],
    opencode: ["opencode.ai"],
    "github-copilot": ["api.githubcopilot.com", "api.github.com", "github.com"],
  };
  try {
    return Object.keys(fields(JSON.parse(readFileSync(file, "utf8")))).flatMap((name) => known[name] ?? []);
  } catch {
    return [];
  }
}

function readOpencode(): Reader {
  let begun = false;
  let text = "";
  let sign: TurnEnding | null = null;
  let failure: string | null = null;
  let reason: string | null = null;

  /** A call is told of once it is over. */
  function tool(part: Fields, at: number): TraceEvent[] {
    const id = string(part.callID) ?? "";
    const state = fields(part.state);
    const time = fields(state.time);
    const [start, end] = [number(time.start), number(time.end)];
    const name = string(part.tool) ?? "";
    const code = number(fields(state.metadata).exit);
    // To it a command that fails is a success all the same.
    const ok = state.status === "completed" && (code ?? 0) === 0;
    const error = string(state.error) ?? (ok || code === null ? null : `exit code ${code}`);
    const events: TraceEvent[] = [{ at, type: "call", id, tool: name, args: asText(state.input) }];
    if (error && /rejected permission|prevents you from using/i.test(error))
      events.push({ at, type: "denied", tool: name, reason: error });
    events.push({
      ...{ at, type: "result", id, ok, output: asText(state.output), error },
      exitCode: code,
      ms: start === null || end === null ? null : Math.max(0, end - start),
      msFrom: start === null || end === null ? null : "agent",
    });
    return events;
  }

  return {
    read(line, at) {
      const event = parseObject(line);
      if (!event) return null;
      const events: TraceEvent[] = [];
      if (!begun && string(event.sessionID)) {
        begun = true;
        events.push({
          ...{ at, type: "begin", agent: "opencode", version: null, model: null },
          session: string(event.sessionID),
        });
      }
      const part = fields(event.part);
      switch (event.type) {
        case "text":
          text = string(part.text) ?? "";
          events.push({ at, type: "message", role: "assistant", text });
          break;
        case "reasoning":
          events.push({ at, type: "message", role: "reasoning", text: string(part.text) ?? "" });
          break;
        case "tool_use":
          events.push(...tool(part, at));
          break;
        case "step_finish": {
          const tokens = fields(part.tokens);
          const cache = fields(tokens.cache);
          const [input, output] = [number(tokens.input), number(tokens.output)];
          reason = string(part.reason);
          events.push({
            ...{ at, type: "usage", scope: "step" },
            input: input === null ? null : input + (number(cache.read) ?? 0) + (number(cache.write) ?? 0),
            output: output === null ? null : output + (number(tokens.reasoning) ?? 0),
            cached: number(cache.read),
            // Without a price of its own it says 0.
            dollars: number(part.cost) || null,
          });
          break;
        }
        case "error": {
          const error = fields(event.error);
          const data = fields(error.data);
          failure = string(data.message) ?? string(error.name) ?? "an error";
          sign = signOf(number(data.statusCode), `${string(error.name) ?? ""} ${failure}`);
          events.push({ at, type: "note", text: failure });
          break;
        }
      }
      return events;
    },
    end(at) {
      if (failure !== null) return [{ at, type: "final", ok: false, text: "", reason: failure }];
      if (reason === null) return [];
      const ok = reason === "stop";
      if (reason === "length") sign = "limit";
      return [
        {
          at,
          type: "final",
          ok,
          text: ok ? text : "",
          reason: ok ? null : `it stopped because of ${reason}`,
        },
      ];
    },
    get text() {
      return text;
    },
    get sign() {
      return sign;
    },
  };
}
