import type { SessionLine } from "../../notebook/index.ts";
import { effect, effectInterval, moment, scaleOf } from "../words/format.ts";
import { paints, table } from "./columns.ts";
import { lineWidth, type PageOptions } from "./terminal.ts";

/** `whet sessions`: one line for each session of a lab. */
export function sessionsText(sessions: readonly SessionLine[], options: PageOptions): string {
  if (sessions.length === 0) return "No sessions yet. `whet run` begins one.\n";
  return `${table(sessions, shape, lineWidth(options), paints(options.colour)).join("\n")}\n`;
}

const shape = [
  { title: "session", cell: (line: SessionLine) => line.tag },
  { title: "began", cell: (line: SessionLine) => moment(line.began) },
  {
    title: "experiments",
    cell: (line: SessionLine) => String(line.experiments),
    align: "right" as const,
  },
  { title: "kept", cell: (line: SessionLine) => String(line.keeps), align: "right" as const },
  {
    title: "audited gain [95 %]",
    cell: ({ audited, metric }: SessionLine) => {
      if (audited === null) return "–";
      // Two digits of what is uncertain are worth showing.
      const scale = scaleOf(metric, (audited.interval[1] - audited.interval[0]) / 4, [audited.effect]);
      return `${effect(audited.effect, scale)} [${effectInterval(audited.interval, scale)}]`;
    },
  },
  {
    title: "now",
    cell: ({ process, stopReason }: SessionLine) =>
      process === null ? (stopReason ?? "interrupted") : `process ${process} is at work on it`,
  },
];
