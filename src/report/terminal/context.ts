import { failed, isUndecided, type Notebook, type Outlook, type Row } from "../../notebook/index.ts";
import {
  effect,
  oneLine,
  plural,
  probability,
  quantity,
  type Scale,
  shorten,
  value,
} from "../words/format.ts";
import { headline, notebookScale } from "../words/words.ts";

interface Section {
  title: string;
  /** How many lines there could be; a line is made only when there is room for it. */
  length: number;
  line: (index: number) => string;
  /** Lines that are given before other sections get their second share. */
  first: number;
}

/**
 * The state of the research for a mind that has seen nothing of it: goal, rules, best, what worked, near misses, dead ends
 * with their reasons, and what has not been tried out. Markdown, at most `budget` characters; what does not fit is counted.
 * @param budget characters, at least 400
 */
export function contextText(
  notebook: Notebook,
  budget: number,
  outlook: Outlook = { rules: [], ideas: [], words: [] },
): string {
  const scale = notebookScale(notebook);
  const tally = notebook.tally;
  const { metric, best, baseline } = notebook;
  const better = metric.direction === "minimize" ? "lower is better" : "higher is better";
  const noise = notebook.deterministic
    ? "It is deterministic: the same state always gives the same value."
    : notebook.sigma === null
      ? "Its noise has not been measured."
      : `One run has a noise of σ ${quantity(notebook.sigma, scale)}, so smaller differences mean nothing by themselves.`;
  const head = headline(notebook);
  const opening = [
    `# ${oneLine(notebook.lab)}: ${shorten(oneLine(notebook.goal), 160)}`,
    "",
    `- Metric: ${shorten(oneLine(metric.name), 60)}, ${better}, ${notebook.channel}. ${noise}`,
    "- Rules: you propose changes to the editable files only; measuring and deciding happen elsewhere; nothing is measured twice.",
    ...outlook.words.map((word) => `- A person says: ${shorten(oneLine(word), 300)}`),
    ...outlook.rules.map((rule) => `- ${shorten(oneLine(rule), 200)}`),
    `- Baseline ${quantity(baseline.mean, scale)}; best ${quantity(best.value, scale)}${best.experiment === null ? " (the baseline)" : ` (experiment ${best.experiment})`}. ${
      notebook.audit === null ? "Not yet audited." : `Audit: ${head.claim}, ${head.evidence}.`
    }`,
    `- So far ${plural(tally.all, "experiment")}: ${tally.keeps} kept, ${tally.discards} discarded, ${tally.failures} failed${tally.open > 0 ? `, ${tally.open} open` : ""}.`,
  ];
  const sections = sectionsOf(notebook, scale, outlook).filter((section) => section.length > 0);
  return fill(opening, sections, budget);
}

function sectionsOf(notebook: Notebook, scale: Scale, { ideas }: Outlook): Section[] {
  const rows = notebook.experiments;
  const keeps = rows.filter((row) => row.status === "keep").reverse();
  const discards = rows.filter((row) => row.status === "discard");
  const near = discards.filter(isNear).sort((a, b) => (b.t ?? 0) - (a.t ?? 0));
  const dead = discards.filter((row) => !isNear(row)).reverse();
  const broken = rows.filter(failed).reverse();
  const sentence = (row: Row) => `#${row.id} ${shorten(oneLine(row.what), 140)}`;
  const lesson = (row: Row) =>
    row.lesson === null
      ? ""
      : ` ${row.verdict ? `${row.verdict === "confirmed" ? "Confirmed" : "Refuted"}: ` : "Lesson: "}${shorten(oneLine(row.lesson), 160)}`;
  const unlearnt = rows
    .filter((row) => !isUndecided(row.status) && row.lesson === null && row.mechanism)
    .reverse();
  return [
    {
      title: "What worked (newest first)",
      ...lazily(
        keeps,
        (row) =>
          `${sentence(row)}: ${effect(row.effect, scale)}, ${metricNow(row, scale)}.${row.provisional ? " Provisional." : ""}${lesson(row)}`,
      ),
      first: 6,
    },
    {
      title: "Near misses (better, but not by enough to be sure)",
      ...lazily(
        near,
        (row) =>
          `${sentence(row)}: ${effect(row.effect, scale)}${row.t === null ? "" : `, ${row.t.toFixed(1)} standard errors`}.${lesson(row)}`,
      ),
      first: 4,
    },
    {
      title: "Dead ends (newest first)",
      ...lazily(
        dead,
        (row) =>
          `${sentence(row)}: ${effect(row.effect, scale)}. ${shorten(oneLine(row.reason), 140)}${lesson(row)}`,
      ),
      first: 6,
    },
    {
      title: "Never measured: the run failed, the idea itself is open",
      ...lazily(
        broken,
        (row) =>
          `${sentence(row)}: ${row.failureKind ?? row.status}. ${shorten(oneLine(row.reason), 160)}${lesson(row)}`,
      ),
      first: 4,
    },
    {
      title: "Open ideas",
      ...lazily(ideas, ({ id, text }) => `idea ${id}: ${shorten(oneLine(text), 200)}`),
      first: 5,
    },
    {
      title: "Nobody has said yet what follows (`whet learn`)",
      ...lazily(unlearnt, (row) => `#${row.id}: ${shorten(oneLine(row.mechanism ?? ""), 140)}`),
      first: 3,
    },
    {
      title: "Not tried: near misses together",
      ...lazily(
        pairs(near.slice(0, 4)),
        ([a, b]) =>
          `#${a.id} with #${b.id}: ${shorten(oneLine(a.what), 70)} + ${shorten(oneLine(b.what), 70)}`,
      ),
      first: 3,
    },
  ];
}

function lazily<T>(items: readonly T[], words: (item: T) => string): Pick<Section, "length" | "line"> {
  return { length: items.length, line: (index) => words(items[index] as T) };
}

/** Better by more than half a standard error, yet not kept. */
function isNear(row: Row): boolean {
  return (row.effect ?? 0) > 0 && (row.t ?? 0) > 0.5;
}

function metricNow(row: Row, scale: Scale): string {
  return `to ${value(row.value, scale)}${row.pReal === null ? "" : `, ${probability(row.pReal)} likely to be real`}`;
}

function pairs(rows: readonly Row[]): [Row, Row][] {
  return rows.flatMap((a, i) => rows.slice(i + 1).map((b): [Row, Row] => [a, b]));
}

/** Every section's first lines, then further lines of all sections in turn, as long as there is room. */
function fill(opening: readonly string[], sections: readonly Section[], budget: number): string {
  const taken = sections.map(() => 0);
  const render = () =>
    [
      ...opening,
      ...sections.flatMap((section, i) => {
        const shown = taken[i] as number;
        const rest = section.length - shown;
        return [
          "",
          `## ${section.title}`,
          ...Array.from({ length: shown }, (_, k) => `- ${section.line(k)}`),
          ...(rest > 0 ? [shown === 0 ? `- ${plural(rest, "entry", "entries")}` : `- and ${rest} more`] : []),
        ];
      }),
    ].join("\n");
  // Titles and counts are paid for in advance, so a line costs its own length and no rendering.
  let room = budget - render().length - 1;
  const take = (i: number): boolean => {
    const section = sections[i] as Section;
    if ((taken[i] as number) >= section.length) return false;
    const next = section.line(taken[i] as number);
    if (next.length + 3 > room) return false;
    room -= next.length + 3;
    taken[i] = (taken[i] as number) + 1;
    return true;
  };
  for (const [i, section] of sections.entries()) for (let k = 0; k < section.first && take(i); k++);
  let open = sections.map((_, i) => i);
  while (open.length > 0) open = open.filter(take);
  const text = `${render()}\n`;
  return text.length <= budget ? text : `${shorten(text, Math.max(1, budget - 1))}\n`;
}
