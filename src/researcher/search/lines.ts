import type { Briefing, Proposal } from "../researcher.ts";

/**
 * Proposals for texts without knobs: leave out one line, or let two neighbours change places. A modest search, and an
 * honest one: shorter texts win ties.
 */
export function* lineProposals(briefing: Briefing, random: () => number): Generator<Proposal> {
  const spots: { file: string; index: number }[] = [];
  for (const [file, text] of Object.entries(briefing.files))
    for (const [index, line] of text.split("\n").entries())
      if (line.trim() !== "") spots.push({ file, index });
  for (let i = spots.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [spots[i], spots[j]] = [spots[j] as (typeof spots)[number], spots[i] as (typeof spots)[number]];
  }
  for (const { file, index } of spots) {
    const lines = (briefing.files[file] as string).split("\n");
    const line = (lines[index] as string).trim().slice(0, 60);
    yield {
      hypothesis: {
        what: `leave out line ${index + 1} of ${file}: "${line}"`,
        mechanism: "what does not help only distracts",
        prediction: "the metric gets no worse",
      },
      changes: { [file]: lines.toSpliced(index, 1).join("\n") },
    };
  }
  for (const { file, index } of spots) {
    const lines = (briefing.files[file] as string).split("\n");
    const next = lines[index + 1];
    if (next === undefined || next.trim() === "" || next === lines[index]) continue;
    yield {
      hypothesis: {
        what: `swap lines ${index + 1} and ${index + 2} of ${file}`,
        mechanism: "order decides what counts first",
        prediction: "the metric changes",
      },
      changes: { [file]: lines.toSpliced(index, 2, next, lines[index] as string).join("\n") },
    };
  }
}
