import { createHash } from "node:crypto";
import { escaped } from "../words/escaped.ts";
import { oneLine, percent, plural } from "../words/format.ts";
import { style } from "./page.ts";

/** What the page of a tested skill tells. Scores and effects are points of 100. */
export interface SkillPage {
  name: string;
  version: number;
  description: string;
  /** The finding in a few words, and what follows from it. */
  claim: string;
  kind: "gain" | "open" | "none";
  evidence: string;
  /** How the evidence is read, in a line. */
  legend: string;
  meaning: string;
  facts: { name: string; main: string; more: string }[];
  /** The parts of the score. */
  parts: { name: string; what: string; weight: number; value: string; baseline: string; rests: string }[];
  tasks: { task: string; family: string; without: number | null; with: number | null; runs: number }[];
  trigger: { query: string; should: boolean; loaded: number; runs: number; right: boolean }[] | null;
  matrix: { family: string; who: string; effect: string; pairs: number; transfer: string }[];
  notes: string[];
  instructions: string;
}

/**
 * A tested skill as one page that needs nothing else: it works from a file, in light and dark, and on paper. All text from
 * data is escaped, and a content security policy allows this page's own style only, by hash.
 */
export function skillHtml(page: SkillPage): string {
  const css = `${style}:root{color-scheme:light dark}.dots{width:100%;border-collapse:collapse}.dots td{padding:4px 10px;border-bottom:1px solid var(--line)}.dots th{padding:6px 10px}.dots td:last-child{min-width:120px}.dots svg{display:block;width:100%;height:16px}.parts th.num{text-align:right}.parts small{display:block;color:var(--muted)}`;
  const policy = `default-src 'none';style-src 'sha256-${createHash("sha256").update(css).digest("base64")}';base-uri 'none';form-action 'none'`;
  const title = `${page.name}: ${page.claim}`;
  const text = (value: string) => escaped(oneLine(value));
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="referrer" content="no-referrer"><title>${text(title)}</title><style>${css}</style></head><body><main>`,
    `<header><p class="lab"><b>${text(page.name)}</b> version ${page.version}: ${text(page.description)}</p>`,
    `<h1 class="${page.kind}">${text(page.claim)}</h1><p class="evidence">${text(page.evidence)}</p><p class="note">${text(page.legend)}</p><p class="meaning">${text(page.meaning)}</p></header>`,
    `<section><h2>What was found</h2><dl>`,
    ...page.facts.map(
      ({ name, main, more }) =>
        `<div class="fact"><dt>${text(name)}</dt><dd>${text(main)}${more === "" ? "" : `<small>${text(more)}</small>`}</dd></div>`,
    ),
    `</dl></section>`,
    section(
      "Goal by goal",
      page.tasks.length === 0
        ? ""
        : `<p class="note">Mean score of the runs without (ring) and with (disc) the skill, from 0 to 100.</p><div class="scroll"><table class="parts dots"><tr><th>goal</th><th>family</th><th class="num">without</th><th class="num">with</th><th class="num">runs</th><th></th></tr>${page.tasks
            .map(
              (task) =>
                `<tr><td>${text(task.task)}</td><td>${text(task.family)}</td><td class="num">${score(task.without)}</td><td class="num">${score(task.with)}</td><td class="num">${task.runs}</td><td>${dots(task.without, task.with)}</td></tr>`,
            )
            .join("")}</table></div>`,
    ),
    section(
      "The score and its parts",
      table(
        ["part", "weight", "with the skill (95 %)", "without (95 %)", "rests on"],
        page.parts.map(({ name, what, weight, value, baseline, rests }) => [
          ...[{ text: name, more: what }, percent(weight), value, baseline, rests],
        ]),
        [1, 2, 3],
      ),
    ),
    section(
      "When it is read",
      page.trigger === null
        ? ""
        : table(
            ["question", "should be read", "was read", ""],
            page.trigger.map(({ query, should, loaded, runs, right }) => [
              ...[query.length > 160 ? `${query.slice(0, 160)}…` : query, should ? "yes" : "no"],
              ...[`${loaded} of ${plural(runs, "run")}`, right ? "right" : "wrong"],
            ]),
            [2],
          ),
    ),
    section(
      "Elsewhere",
      page.matrix.length === 0
        ? ""
        : table(
            ["family", "with", "effect", "pairs", ""],
            page.matrix.map(({ family, who, effect, pairs, transfer }) => [
              ...[family, who, effect, String(pairs), transfer],
            ]),
            [2, 3],
          ),
    ),
    section(
      "To know",
      page.notes.length === 0
        ? ""
        : `<ul class="remarks">${page.notes.map((note) => `<li>${text(note)}</li>`).join("")}</ul>`,
    ),
    section("Its text", `<pre>${escaped(page.instructions)}</pre>`),
    `<footer><p>Measured by Whetstone: the same goals with and without the skill, in turns, by the same agent and judge. Every run is in the ledger.</p></footer></main></body></html>`,
  ].join("");
}

function section(title: string, content: string): string {
  return content === "" ? "" : `<section><h2>${title}</h2>${content}</section>`;
}

/** A cell, or one with a line below it. */
type Cell = string | { text: string; more: string };

/** @param numbers columns that stand at the right, heads and all. */
function table(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  numbers: readonly number[],
): string {
  const content = (cell: Cell) =>
    typeof cell === "string"
      ? escaped(oneLine(cell))
      : `${escaped(oneLine(cell.text))}<small>${escaped(oneLine(cell.more))}</small>`;
  const cells = (row: readonly Cell[], tag: "th" | "td") =>
    `<tr>${row.map((cell, column) => `<${tag}${numbers.includes(column) ? ' class="num"' : ""}>${content(cell)}</${tag}>`).join("")}</tr>`;
  return `<div class="scroll"><table class="parts">${cells(head, "th")}${rows.map((row) => cells(row, "td")).join("")}</table></div>`;
}

function score(value: number | null): string {
  return value === null ? "–" : value.toFixed(0);
}

/** Two marks on a line from 0 to 100, and what lies between them. */
function dots(before: number | null, after: number | null): string {
  if (before === null || after === null) return "";
  const x = (value: number) => (6 + (value / 100) * 188).toFixed(1);
  const colour = after >= before ? "var(--keep)" : "var(--fail)";
  return `<svg viewBox="0 0 200 16" role="img" aria-label="${before.toFixed(0)} without, ${after.toFixed(0)} with"><path d="M6 8H194" stroke="var(--line)"/><path d="M${x(before)} 8H${x(after)}" stroke="${colour}" stroke-width="3"/><circle cx="${x(before)}" cy="8" r="4" fill="var(--paper)" stroke="var(--muted)" stroke-width="1.5"/><circle cx="${x(after)}" cy="8" r="4.5" fill="${colour}"/></svg>`;
}
