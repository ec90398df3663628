import type { AgentName, ResearcherChoice, ResearcherKind } from "./contract.ts";
import type { ResearcherForm } from "./schema.ts";

export const agentNames: readonly AgentName[] = ["claude", "codex", "gemini", "opencode", "pi"];

const turnTime = 20 * 60_000;
const answerTime = 10 * 60_000;

/**
 * A researcher written as one line.
 *
 * @example parseResearcher("acp: gemini --acp") // { kind: "acp", command: "gemini --acp", ... }
 * @returns null when it is none of them.
 */
export function parseResearcher(text: string): ResearcherChoice | null {
  const line = text.trim();
  if (line === "search") return fillResearcher({ name: "search" });
  const agent = agentNames.find((name) => name === line);
  if (agent) return fillResearcher({ agent });
  const [, kind, rest] = /^(command|acp|model)\s*:\s*(\S.*)$/.exec(line) ?? [];
  if (rest === undefined) return null;
  if (kind === "command") return fillResearcher({ command: rest });
  if (kind === "acp") return fillResearcher({ acp: rest });
  return /^[^/\s]+\/\S+$/.test(rest) ? fillResearcher({ model: rest }) : null;
}

/** The object form with its defaults; times are milliseconds already. */
export function fillResearcher(form: ResearcherForm & { timeMs?: number }): ResearcherChoice {
  const common = { share: form.share ?? 1, ...(form.role === undefined ? {} : { role: form.role }) };
  const bounds = { time: form.timeMs ?? turnTime, env: list(form.env), hosts: list(form.hosts) };
  const named = (kind: ResearcherKind, name: string): ResearcherChoice => ({
    ...kind,
    ...common,
    name: form.name ?? name,
  });
  if (form.agent !== undefined)
    return named(
      {
        kind: "agent",
        agent: form.agent,
        ...(form.model === undefined ? {} : { model: form.model }),
        args: form.args ?? [],
        ...bounds,
      },
      form.agent,
    );
  if (form.command !== undefined)
    return named({ kind: "command", command: form.command, ...bounds }, "command");
  if (form.acp !== undefined) return named({ kind: "acp", command: form.acp, ...bounds }, "acp");
  if (form.model !== undefined)
    return named(
      {
        kind: "model",
        model: form.model,
        ...(form.url === undefined ? {} : { url: form.url }),
        ...(form.key === undefined ? {} : { key: form.key }),
        maxOutput: form.maxOutput ?? 16_000,
        time: form.timeMs ?? answerTime,
      },
      form.model,
    );
  return named({ kind: "search", options: form.knobs === undefined ? {} : { knobs: form.knobs } }, "search");
}

/** Share of the evaluation time of the built-in search beside a model, where the contract does not say. */
export const usualControl = 0.2;

/** Whether asking it costs money or tokens. */
export function isPaid(choice: ResearcherChoice): boolean {
  return choice.kind !== "search";
}

function list(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : typeof value === "string" ? [value] : value;
}
