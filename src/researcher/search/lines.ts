import { extname } from "node:path";
import type { Briefing, Proposal } from "../researcher.ts";
import { findKnobs } from "./knobs.ts";

const texts = new Set(["", ".md", ".markdown", ".txt", ".prompt"]);

interface Spot {
  file: string;
  /** The whole text as lines with their line ends. */
  lines: string[];
  index: number;
}

/**
 * Proposals for plain texts without knobs: leave out one line, or let two neighbours change places. A modest search,
 * and an honest one: shorter texts win ties. Lines that were left out once without success come last.
 */
export function* lineProposals(briefing: Briefing, random: () => number): Generator<Proposal> {
  const { metric } = briefing.program.contract;
  const spots: Spot[] = [];
  for (const [file, text] of Object.entries(briefing.files)) {
    if (!texts.has(extname(file).toLowerCase()) || findKnobs(file, text).length > 0) continue;
    const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
    for (const [index, line] of lines.entries()) if (line.trim() !== "") spots.push({ file, lines, index });
  }
  if (spots.length === 0) return;
  shuffle(spots, random);
  const missed = new Set(briefing.history.map(leftOut));
  const tried = ({ file, lines, index }: Spot) =>
    Number(missed.has(`${file}\n${(lines[index] as string).trim()}`));
  for (const { file, lines, index } of [...spots].sort((a, b) => tried(a) - tried(b))) {
    const line = (lines[index] as string).trim();
    yield {
      hypothesis: {
        what: `leave out line ${index + 1} of ${file}: "${line.length > 60 ? `${line.slice(0, 59)}…` : line}"`,
        mechanism: "what does not help only distracts",
        prediction: `${metric.name} gets no worse`,
      },
      changes: { [file]: lines.toSpliced(index, 1).join("") },
    };
  }
  for (const { file, lines, index } of spots) {
    const [line, next] = [lines[index] as string, lines[index + 1]];
    // The last line may lack its line end: swapping it would join two lines.
    if (next === undefined || next.trim() === "" || next === line || !next.endsWith("\n")) continue;
    yield {
      hypothesis: {
        what: `swap lines ${index + 1} and ${index + 2} of ${file}`,
        mechanism: "what comes first counts more",
        prediction: `${metric.name} ${metric.direction === "minimize" ? "falls" : "rises"} by more than the noise`,
      },
      changes: { [file]: lines.toSpliced(index, 2, next, line).join("") },
    };
  }
}

/** The line that an experiment left out, with its file; empty when it did something else. */
function leftOut({ changes, before }: Briefing["history"][number]): string {
  for (const [file, after] of Object.entries(changes)) {
    const [old, now] = [before[file]?.split("\n"), after?.split("\n")];
    if (!old || !now || old.length !== now.length + 1) continue;
    const index = old.findIndex((line, at) => line !== now[at]);
    return `${file}\n${old[index]?.trim()}`;
  }
  return "";
}

function shuffle<T>(items: T[], random: () => number): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [items[i], items[j]] = [items[j] as T, items[i] as T];
  }
}
