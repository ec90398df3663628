import type { TurnEnding } from "../agents/index.ts";
import { added, type TraceEvent, type Usage, unknownUsage } from "../trace.ts";
import type { Fields } from "./values.ts";

/** Whose transcripts can be read. */
export const sources = ["claude", "codex", "pi", "opencode", "otel"] as const;
export type Source = (typeof sources)[number];

/** One turn of a transcript: what a person (or another agent) asked for, and everything up to the answer. */
export interface TranscriptTurn {
  /** Unique within its source, and the same each time that it is read. */
  key: string;
  /** `claude`, `codex`, …; `claude/agent` where one agent called another of its kind. */
  agent: string;
  version: string | null;
  model: string | null;
  /** The project folder, as the transcript has it. */
  folder: string | null;
  prompt: string;
  events: TraceEvent[];
  usage: Usage;
  ending: TurnEnding;
  /** A sentence for a person when `ending` is not `done`. */
  message: string;
  /** Milliseconds since the epoch. */
  startedAt: number;
  endedAt: number;
  /** Bytes in its file where it begins and ends; null: it lies in a database. */
  offset: number | null;
  end: number | null;
  /**
   * False: nothing says that it is over. It may be going on now, so whoever imports leaves it for the next time while
   * the transcript is fresh.
   */
  over: boolean;
}

/** Reads one transcript, line by line; each call returns the turns that became whole. */
export interface TranscriptReader {
  /**
   * @returns null: not a line of this format.
   */
  read(line: Fields, offset: number): TranscriptTurn[] | null;
  /** A line that was too long to be read. */
  note(text: string): void;
  /** At the end of the transcript: what is left. */
  end(): TranscriptTurn[];
}

/** What happens to every text before it is kept anywhere. */
export type Redact = (text: string) => string;

/** Of one text; the middle of a longer one is left out. Characters. */
const longestText = 65_536;
/** Of one turn: more than any turn that a person would look at, and a bound on memory. */
const mostEvents = 20_000;
const mostText = 32 * 1024 * 1024;

/** A text that fits into a trace. */
export function clip(text: string): string {
  if (text.length <= longestText) return text;
  return `${text.slice(0, longestText / 2)}\n[... ${text.length - longestText} characters ...]\n${text.slice(-longestText / 2)}`;
}

/** A turn under way. */
export interface OpenTurn {
  readonly key: string;
  /** Redacts, cuts and keeps an event; results get the time since their call where the transcript gives none. */
  push(event: TraceEvent): void;
  /**
   * The tokens of one request to the model. Told again for the same request, the larger figures count: agents repeat
   * them with every part of an answer, and the early ones are placeholders.
   */
  used(request: string, at: number, usage: Usage): void;
  /** Facts that become known on the way. */
  readonly facts: { version: string | null; model: string | null; folder: string | null };
  /** What it said last. */
  readonly said: string;
  readonly at: number;
  /** Ends it. Without an ending: `cancelled`, and nothing says that it is over. */
  close(ending: { ending: TurnEnding; message: string } | null, end: number | null): TranscriptTurn;
}

export interface TurnStart {
  key: string;
  agent: string;
  session: string | null;
  version: string | null;
  model: string | null;
  folder: string | null;
  prompt: string;
  at: number;
  offset: number | null;
}

export function openTurn(start: TurnStart, redact: Redact): OpenTurn {
  const facts = { version: start.version, model: start.model, folder: start.folder };
  const events: TraceEvent[] = [];
  const requests = new Map<string, Usage & { at: number }>();
  const begun = new Map<string, number>();
  let text = 0;
  let left = 0;
  let said = "";
  let latest = start.at;
  const clean = (value: string) => clip(redact(value));
  const prompt = clean(start.prompt);

  function push(event: TraceEvent): void {
    latest = Math.max(latest, event.at);
    if (event.type === "call") begun.set(event.id, event.at);
    if (event.type === "message" && event.role === "assistant") said = event.text;
    if (events.length >= mostEvents || text > mostText) {
      left++;
      return;
    }
    const kept: Record<string, unknown> = { ...event };
    for (const name in kept) {
      const value = kept[name];
      if (typeof value !== "string" || value.length < 8) continue;
      const safe = clean(value);
      kept[name] = safe;
      text += safe.length;
    }
    if (event.type === "result") {
      const since = begun.get(event.id);
      begun.delete(event.id);
      if (event.ms === null && since !== undefined) {
        kept.ms = Math.max(0, event.at - since);
        kept.msFrom = "arrival";
      }
    }
    events.push(kept as TraceEvent);
  }

  push({ at: start.at, type: "message", role: "user", text: start.prompt });

  return {
    key: start.key,
    push,
    used(request, at, usage) {
      latest = Math.max(latest, at);
      const before = requests.get(request);
      const most = (a: number | null, b: number | null) => (a === null ? b : b === null ? a : Math.max(a, b));
      requests.set(request, {
        at: before?.at ?? at,
        input: most(before?.input ?? null, usage.input),
        output: most(before?.output ?? null, usage.output),
        cached: most(before?.cached ?? null, usage.cached),
        dollars: most(before?.dollars ?? null, usage.dollars),
      });
    },
    facts,
    get said() {
      return said;
    },
    get at() {
      return latest;
    },
    close(ending, end) {
      const usage = [...requests.values()].reduce<Usage>((sum, each) => added(sum, each), unknownUsage);
      const all: TraceEvent[] = [
        {
          ...{ at: start.at, type: "begin", agent: start.agent, session: start.session },
          ...{ version: facts.version, model: facts.model },
        },
        ...events,
        ...(left === 0
          ? []
          : [{ at: latest, type: "note", text: `${left} more events were left out` } as const]),
        ...[...requests.values()].map(
          ({ at, ...each }): TraceEvent => ({ at, type: "usage", scope: "step", ...each }),
        ),
      ];
      // Stable: what became known at the same moment keeps its order.
      all.sort((a, b) => a.at - b.at);
      const { ending: how, message } = ending ?? {
        ending: "cancelled" as const,
        message: "the transcript ends in the middle of the turn",
      };
      const ok = how === "done";
      const reason = ok ? null : clean(message);
      all.push({ at: latest, type: "final", ok, text: ok ? clean(said) : "", reason });
      return {
        ...{ key: start.key, agent: start.agent, ...facts, prompt, events: all, usage },
        ...{ ending: how, message: reason ?? "", startedAt: start.at, endedAt: latest },
        folder: facts.folder === null ? null : redact(facts.folder),
        ...{ offset: start.offset, end, over: ending !== null },
      };
    },
  };
}

/** How a turn ended whose model's provider said no with an HTTP status; null: it is not known. */
export function endingOf(status: number | null, words: string): TurnEnding {
  if (/insufficient_quota|credit balance|billing/i.test(words)) return "auth";
  if (status === 401 || status === 402 || status === 403) return "auth";
  if (status === 429 || /rate.?limit|usage limit/i.test(words)) return "rate";
  if (status !== null && (status === 408 || status >= 500)) return "outage";
  return /overloaded|ECONN|ETIMEDOUT|fetch failed|timed? ?out/i.test(words) ? "outage" : "failed";
}
