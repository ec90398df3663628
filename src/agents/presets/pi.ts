import { readFileSync } from "node:fs";
import type { TraceEvent } from "../../trace.ts";
import type { TurnEnding } from "../agent.ts";
import type { Preset, Reached, Reader } from "./preset.ts";
import { anyKey, homeOf, loginFrom, providerOf, withKey } from "./providers.ts";
import { signOf } from "./signs.ts";
import { asText, contentText, type Fields, fields, list, number, parseObject, string } from "./values.ts";

/** pi, run as `pi --mode json -p`. */
export const pi: Preset = {
  name: "pi",
  program: { name: "pi", install: "install pi: npm install -g @earendil-works/pi-coding-agent" },

  connect(env, model) {
    const file = `${env.PI_CODING_AGENT_DIR ?? homeOf(env, ".pi/agent")}/auth.json`;
    return (
      withKey(anyKey(env, model)) ??
      loginFrom(file, ".pi/auth.json", hostsOf(file)) ?? {
        kind: "none",
        message:
          "set ANTHROPIC_API_KEY, OPENAI_API_KEY, GEMINI_API_KEY or OPENROUTER_API_KEY, or log in once with `pi` and /login",
      }
    );
  },

  plan({ providers: [provider], home, model, confined }) {
    const name = provider?.name ?? null;
    const id = name !== null && providerOf(model) === name ? model?.slice(name.length + 1) : model;
    return {
      args: [
        ...["--mode", "json", "-p", "--no-approve"],
        // Without approval it takes nothing from the project, neither extensions, which are code, nor skills.
        ...["--skill", ".agents/skills"],
        ...(name === null ? [] : ["--provider", name]),
        ...(id === undefined ? [] : ["--model", id]),
        // It asks nobody before it runs a command.
        ...(confined ? [] : ["--exclude-tools", "bash"]),
      ],
      env: { PI_CODING_AGENT_DIR: `${home}/.pi`, PI_OFFLINE: "1" },
      files: {
        ".pi/settings.json": JSON.stringify({ retry: { maxRetries: 3, baseDelayMs: 500 } }),
        ...(provider
          ? {
              ".pi/models.json": JSON.stringify({
                providers: { [provider.name]: providerConfig(provider, id) },
              }),
            }
          : {}),
      },
    };
  },

  reader: readPi,
};

function providerConfig({ name, base, token }: Reached, model?: string) {
  const api = {
    anthropic: "anthropic-messages",
    openai: "openai-responses",
    google: "google-generative-ai",
    openrouter: "openai-completions",
  }[name];
  return {
    baseUrl: name === "google" ? `${base}/v1beta` : base,
    api,
    apiKey: token,
    ...(model === undefined ? {} : { models: [{ id: model }] }),
  };
}

/** The hosts of those providers that a login is there for. */
function hostsOf(file: string): string[] {
  const known: Record<string, string[]> = {
    anthropic: ["api.anthropic.com", "console.anthropic.com", "platform.claude.com"],
    openai: ["api.openai.com"],
    "openai-codex": ["chatgpt.com", "auth.openai.com"],
    google: ["generativelanguage.googleapis.com"],
    "google-gemini-cli": ["cloudcode-pa.googleapis.com", "oauth2.googleapis.com"],
    openrouter: ["openrouter.ai"],
    "github-copilot": ["api.individual.githubcopilot.com", "api.githubcopilot.com", "api.github.com"],
  };
  try {
    return Object.keys(fields(JSON.parse(readFileSync(file, "utf8")))).flatMap((name) => known[name] ?? []);
  } catch {
    return [];
  }
}

function readPi(): Reader {
  let text = "";
  let failure: string | null = null;
  let stopped: string | null = null;
  let sign: TurnEnding | null = null;

  function message(said: Fields, at: number): TraceEvent[] {
    if (said.role !== "assistant") return [];
    const events: TraceEvent[] = [];
    for (const part of list(said.content).map(fields)) {
      if (part.type === "thinking" && string(part.thinking))
        events.push({ at, type: "message", role: "reasoning", text: part.thinking as string });
    }
    const own = contentText(list(said.content).filter((part) => fields(part).type === "text"));
    if (own !== null && own !== "") {
      text = own;
      events.push({ at, type: "message", role: "assistant", text: own });
    }
    stopped = string(said.stopReason);
    failure = stopped === "error" || stopped === "aborted" ? (string(said.errorMessage) ?? stopped) : null;
    sign = failure === null ? (stopped === "length" ? "limit" : null) : signOf(statusIn(failure), failure);
    const usage = fields(said.usage);
    const [input, output] = [number(usage.input), number(usage.output)];
    if (failure === null && input !== null)
      events.push({
        ...{ at, type: "usage", scope: "step" },
        input: input + (number(usage.cacheRead) ?? 0) + (number(usage.cacheWrite) ?? 0),
        output,
        cached: number(usage.cacheRead),
        // Without a price of its own it says 0.
        dollars: number(fields(usage.cost).total) || null,
      });
    return events;
  }

  return {
    read(line, at) {
      const event = parseObject(line);
      if (!event) return null;
      switch (event.type) {
        case "session":
          return [{ at, type: "begin", agent: "pi", version: null, model: null, session: string(event.id) }];
        case "message_end":
          return message(fields(event.message), at);
        case "tool_execution_start":
          return [
            {
              ...{ at, type: "call", id: string(event.toolCallId) ?? "" },
              tool: string(event.toolName) ?? "",
              args: asText(event.args),
            },
          ];
        case "tool_execution_end": {
          const ok = event.isError !== true;
          const output = contentText(fields(event.result).content);
          const code = /exited with code (\d+)/.exec(output ?? "")?.[1];
          return [
            {
              ...{ at, type: "result", id: string(event.toolCallId) ?? "", ok, output },
              error: ok ? null : code === undefined ? output : `exit code ${code}`,
              exitCode: event.toolName !== "bash" ? null : ok ? 0 : code === undefined ? null : Number(code),
              ms: null,
              msFrom: null,
            },
          ];
        }
        case "auto_retry_start":
          return [
            { at, type: "retry", attempt: number(event.attempt), reason: string(event.errorMessage) ?? "" },
          ];
        default:
          return [];
      }
    },
    // It ends with exit code 0 whatever happened: only its last message tells.
    end(at) {
      if (failure !== null) return [{ at, type: "final", ok: false, text: "", reason: failure }];
      if (stopped === null) return [];
      const ok = stopped === "stop";
      return [
        {
          at,
          type: "final",
          ok,
          text: ok ? text : "",
          reason: ok ? null : `it stopped because of ${stopped}`,
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

function statusIn(message: string): number | null {
  const status = /^(\d{3})\b/.exec(message)?.[1];
  return status === undefined ? null : Number(status);
}
