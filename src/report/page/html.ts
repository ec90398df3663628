import { createHash } from "node:crypto";
import { failed, isUndecided, type Notebook, type Row } from "../../notebook/index.ts";
import { printable } from "../../printable.ts";
import { openRedactor } from "../../redaction/index.ts";
import { chartColours, progressSvg } from "../chart/progress.ts";
import { aloneText, caution, estimateText, leanWords } from "../terminal/finalized.ts";
import { escaped } from "../words/escaped.ts";
import {
  bytes,
  duration,
  effect,
  effectInterval,
  expectedFalse,
  moment,
  oneLine,
  plural,
  probability,
  pValue,
  quantity,
  type Scale,
  shorten,
  value,
} from "../words/format.ts";
import { remarks } from "../words/remarks.ts";
import { costWords } from "../words/turn.ts";
import { spentWords, usedWords } from "../words/used.ts";
import {
  channelName,
  channelWords,
  driverWords,
  headline,
  isolationName,
  machineWords,
  notebookScale,
} from "../words/words.ts";
import { script, style } from "./page.ts";

/** Lines of one diff and of one log that the page shows. */
const diffCap = 200;
const logCap = 40;
/** Characters of one line, and of one field of text. */
const lineCap = 400;
const textCap = 1200;
/** Experiments that the table lists, besides older keeps. */
const tableCap = 4000;
/** Bytes of all the opened-up parts together, so that the page stays below 5 MB with a thousand experiments. */
const detailBudget = 2_800_000;

/**
 * The lab notebook as one page that needs nothing else: no request leaves it, it works from a file, in light and dark, and
 * on paper. All text from data is escaped, and a content security policy allows only this page's own script and style, by
 * hash. Diffs are cut at 200 lines each; when a session is so large that the page would pass 5 MB, the parts of the oldest
 * discards are left out with a note.
 */
export function reportHtml(notebook: Notebook): string {
  const scale = notebookScale(notebook);
  const head = headline(notebook);
  const css = `${style}:root{color-scheme:light dark}${chartColours("light")}@media (prefers-color-scheme:dark){${chartColours("dark")}}@media print{${chartColours("light")}}`;
  const policy = `default-src 'none';script-src '${hash(script)}';style-src '${hash(css)}';base-uri 'none';form-action 'none'`;
  const chart = progressSvg(notebook, { width: 1200, height: 580, theme: "page" });
  const listed = listedRows(notebook.experiments);
  const details = detailParts(listed, scale);
  const tally = notebook.tally;
  const title = `${oneLine(notebook.lab)}: ${head.claim}`;
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="referrer" content="no-referrer"><title>${escaped(title)}</title><style>${css}</style></head><body><main>`,
    `<header><p class="lab"><b>${escaped(oneLine(notebook.lab))}</b> ${escaped(oneLine(notebook.goal))}</p>`,
    `<h1 class="${head.kind}">${escaped(head.claim)}</h1><p class="evidence">${escaped(head.evidence)}</p><p class="meaning">${escaped(head.meaning)}</p></header>`,
    `<figure>${chart}<div id="tip" hidden></div></figure>`,
    remarkList(notebook, scale),
    facts(notebook, scale),
    parts(notebook, scale),
    `<section><div class="bar"><h2>Experiments</h2><div class="filters" role="group" aria-label="Show">`,
    filter("all", `All ${tally.all}`, true),
    filter("keep", `Kept ${tally.keeps}`),
    filter("discard", `Discarded ${tally.discards}`),
    filter("failed", `Failed ${tally.failures}`),
    `</div><input id="find" type="search" placeholder="Find in hypotheses" aria-label="Find in hypotheses"></div>`,
    `<div class="head row">${sorter("id", "#", "ascending")}${sorter("status", "Status")}<span>Hypothesis</span>${sorter("value", escaped(shorten(oneLine(notebook.metric.name), 18)))}${sorter("effect", "Effect")}${sorter("real", "Real")}${sorter("time", "Time")}</div>`,
    `<div id="rows">`,
    ...listed.map((row, index) => rowHtml(row, scale, details[index] as string)),
    `</div>${tally.all === 0 ? '<p class="none">No experiments yet.</p>' : '<p class="none" id="none" hidden>Nothing matches.</p>'}${tally.all > listed.length ? `<p class="note">${plural(tally.all - listed.length, "older experiment")} not listed here; <code>whet log</code> has them.</p>` : ""}</section>`,
    footer(notebook),
    `</main><script>${script}</script></body></html>`,
  ].join("");
}

function hash(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

function remarkList(notebook: Notebook, scale: Scale): string {
  const found = remarks(notebook, scale);
  if (found.length === 0) return "";
  const items = found.map(({ kind, text }) => `<li class="${kind}">${escaped(text)}</li>`);
  return `<section><h2>To know</h2><ul class="remarks">${items.join("")}</ul></section>`;
}

function facts(notebook: Notebook, scale: Scale): string {
  const { isolation, grade, grants, baseline, best, metric } = notebook;
  const keeps = notebook.tally.keeps;
  const drivers = driverWords(notebook.drivers);
  const machine = machineWords(notebook.machine, notebook.metric);
  const item = (name: string, main: string, more = "") =>
    `<div class="fact"><dt>${name}</dt><dd>${main}${more === "" ? "" : `<small>${more}</small>`}</dd></div>`;
  const list = (title: string, items: readonly string[]) =>
    items.length === 0 ? "" : `${title}: ${items.map((text) => escaped(oneLine(text))).join(", ")}. `;
  return [
    `<section><h2>How far to trust it</h2><dl>`,
    item(
      "Trust grade",
      `<span class="grade g${grade.letter}">${grade.letter}</span>`,
      grade.reasons.length === 0
        ? "Nothing found that lowers it."
        : `<ul>${grade.reasons.map((reason) => `<li>${escaped(oneLine(reason))}</li>`).join("")}</ul>`,
    ),
    item(
      "Metric channel",
      escaped(channelName(notebook.channel, notebook.metric)),
      escaped(channelWords[notebook.channel]),
    ),
    item(
      "Isolation",
      escaped(isolationName(isolation)),
      `${list("Not enforced", isolation.notEnforced)}${list("Watched by polling", isolation.watched)}${list("Enforced", isolation.enforced)}`,
    ),
    ...(grants.length === 0
      ? []
      : [
          item(
            "Grants",
            plural(grants.length, "grant"),
            `<ul>${grants.map(({ grant, opens }) => `<li>${escaped(oneLine(grant))}: ${escaped(oneLine(opens))}</li>`).join("")}</ul>`,
          ),
        ]),
    ...(notebook.models.length === 0
      ? []
      : [
          item(
            "Models asked",
            plural(
              notebook.models.reduce((sum, each) => sum + each.calls, 0),
              "call",
            ),
            `<ul>${notebook.models.map((each) => `<li>${escaped(oneLine(spentWords(each)))}</li>`).join("")}</ul>`,
          ),
        ]),
    ...(drivers.length === 0
      ? []
      : [
          item(
            "Driven by",
            plural(notebook.drivers.boxes.length + (notebook.drivers.free > 0 ? 1 : 0), "agent"),
            `<ul>${drivers.map((words) => `<li>${escaped(words)}</li>`).join("")}</ul>`,
          ),
        ]),
    item(
      "Noise of one run",
      notebook.deterministic
        ? "none"
        : notebook.sigma === null
          ? "not measured"
          : `σ ${escaped(quantity(notebook.sigma, scale))}`,
      notebook.deterministic
        ? "Deterministic: all baseline runs gave the same value."
        : `From ${plural(baseline.values.length, "run")} of the untouched code: ${baseline.values.map((v) => escaped(value(v, scale))).join(", ")}.`,
    ),
    ...(machine === null
      ? []
      : [item("Machine", escaped(sentence(machine.fact)), escaped(sentence(machine.advice)))]),
    item(
      "Baseline and best kept",
      `${escaped(value(baseline.mean, scale))} → ${escaped(quantity(best.value, scale))}`,
      `${escaped(oneLine(metric.name))}, ${metric.direction === "minimize" ? "lower" : "higher"} is better. ${
        best.experiment === null
          ? "The baseline is still the best."
          : `Best: <a href="#e${best.experiment}">experiment ${best.experiment}</a>, its value as measured when kept.`
      }`,
    ),
    item(
      "Keeps expected to be chance",
      notebook.expectedFalseKeeps === null
        ? "–"
        : `${expectedFalse(notebook.expectedFalseKeeps)} of ${keeps}`,
      `Decision preset ${escaped(oneLine(notebook.preset))}.${notebook.allowance > 0 ? ` Head start given to simpler code so far: ${escaped(quantity(notebook.allowance, scale))}.` : ""}`,
    ),
    item(
      "Runs",
      notebook.evaluations.toLocaleString("en-US"),
      `${duration(notebook.evaluationMs)} of evaluation in all.`,
    ),
    item(
      "Session",
      notebook.ended === null ? "not ended" : duration(notebook.ended - notebook.started),
      `Began ${moment(notebook.started)}. ${notebook.stopReason === null ? "" : `Ended: ${escaped(oneLine(notebook.stopReason))}.`}`,
    ),
    item(
      "Branch",
      `<code>${escaped(oneLine(notebook.branch))}</code>`,
      `From commit <code>${escaped(oneLine(notebook.base).slice(0, 12))}</code>.`,
    ),
    `</dl></section>`,
  ].join("");
}

/** With a capital letter and a full stop. */
function sentence(text: string): string {
  return text === "" ? "" : `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** What each kept change is worth in the final state, once it has been measured. */
function parts({ finalized, deterministic }: Notebook, scale: Scale): string {
  if (!finalized) return "";
  const cell = (text: string, number = true) => `<td${number ? ' class="num"' : ""}>${escaped(text)}</td>`;
  const rows = finalized.changes.map((part) =>
    [
      `<tr><td class="num"><a href="#e${part.experiment}">${part.experiment}</a></td>`,
      cell(shorten(oneLine(part.what), 120), false),
      cell(effect(part.kept?.effect ?? null, scale)),
      cell(estimateText(part.contribution, scale)),
      cell(oneLine(part.reason === "" ? part.verdict : `${part.verdict}: ${part.reason}`), false),
      `${cell(oneLine(aloneText(part, scale)))}</tr>`,
    ].join(""),
  );
  return [
    `<section><h2>What each change is worth</h2><div class="scroll"><table class="parts"><thead><tr><th>#</th><th>Change</th><th>When kept</th><th>Contribution now</th><th>Verdict</th><th>On the untouched code</th></tr></thead><tbody>`,
    ...rows,
    `</tbody></table></div><p class="note">${escaped(caution({ ...finalized, deterministic }))}</p>`,
    finalized.lean ? `<p>${escaped(leanWords(finalized.lean, scale))}</p>` : "",
    `</section>`,
  ].join("");
}

function filter(name: string, words: string, pressed = false): string {
  return `<button type="button" data-filter="${name}" aria-pressed="${pressed}">${words}</button>`;
}

function sorter(key: string, words: string, sorted = "none"): string {
  return `<button type="button" class="sort s-${key}" data-sort="${key}" data-order="${sorted}">${words}</button>`;
}

const statusOrder = ["keep", "running", "open", "discard", "invalid", "timeout", "crash"];

function rowHtml(row: Row, scale: Scale, detail: string): string {
  const group = failed(row) ? "failed" : row.status;
  const number = (x: number | null) => (x === null || !Number.isFinite(x) ? "" : String(x));
  return [
    `<details class="e ${group}" id="e${row.id}" data-id="${row.id}" data-status="${statusOrder.indexOf(row.status)}" data-value="${number(row.value)}" data-effect="${number(row.effect)}" data-real="${number(row.pReal)}" data-time="${number(row.wallMs)}"><summary class="row">`,
    `<span class="num">${row.id}</span><span class="status">${row.status}</span><span class="what">${escaped(shorten(oneLine(row.what), 200))}${row.provisional ? " <em>provisional</em>" : ""}</span>`,
    `<span class="num">${escaped(value(row.value, scale))}</span><span class="num effect">${escaped(effect(row.effect, scale))}</span><span class="num">${escaped(probability(row.pReal))}</span><span class="num">${isUndecided(row.status) ? "" : duration(row.wallMs)}</span></summary>`,
    `${detail}</details>`,
  ].join("");
}

/** All keeps, and of the others the newest, so that a browser can still show the table. */
function listedRows(rows: readonly Row[]): readonly Row[] {
  if (rows.length <= tableCap) return rows;
  const first = rows.length - tableCap;
  return rows.filter((row, index) => index >= first || row.status === "keep");
}

/** What each experiment opens to, in the order of the rows; keeps and failures come first when there is no room for all. */
function detailParts(rows: readonly Row[], scale: Scale): string[] {
  const rank = (row: Row) => (row.status === "keep" ? 0 : failed(row) ? 1 : 2);
  const order = rows
    .map((_, index) => index)
    .sort((a, b) => rank(rows[a] as Row) - rank(rows[b] as Row) || b - a);
  const parts: string[] = new Array(rows.length);
  let left = detailBudget;
  for (const index of order) {
    const row = rows[index] as Row;
    const part = left <= 0 ? null : detail(row, scale);
    const size = part === null ? Number.POSITIVE_INFINITY : Buffer.byteLength(part);
    if (part !== null && size <= left) {
      parts[index] = part;
      left -= size;
    } else {
      parts[index] =
        `<div class="body"><p class="note">Left out to keep this page small; <code>whet show ${row.id}</code> has it.</p></div>`;
    }
  }
  return parts;
}

function detail(row: Row, scale: Scale): string {
  const pair = (name: string, text: string | null | undefined) =>
    text === null || text === undefined || text === ""
      ? ""
      : `<dt>${name}</dt><dd>${escaped(shorten(printable(text).trim(), textCap))}</dd>`;
  const evidence = [
    ...(row.effect === null ? [] : [`effect ${effect(row.effect, scale)}`]),
    ...(row.interval === null ? [] : [`95 % interval ${effectInterval(row.interval, scale)}`]),
    ...(row.p === null ? [] : [`one-sided p ${pValue(row.p)}`]),
    ...(row.pReal === null ? [] : [`${probability(row.pReal)} likely to be real`]),
    ...(row.t === null ? [] : [`${row.t.toFixed(2)} standard errors`]),
  ].join(", ");
  return [
    `<div class="body"><dl class="pairs">`,
    row.what.length > 200 ? pair("Hypothesis", row.what) : "",
    pair("Because", row.mechanism),
    pair("Prediction", row.prediction),
    pair("Decision", row.reason),
    pair("Evidence", evidence),
    pair("In doubt", row.doubt),
    pair("Lesson", row.lesson),
    pair("Failure", row.failureKind),
    pair(
      "Cost",
      [
        plural(row.runs, "run"),
        ...(row.pairs === 0 ? [] : [plural(row.pairs, "head-to-head pair")]),
        duration(row.wallMs),
        ...(row.peakBytes === null ? [] : [`peak memory ${bytes(row.peakBytes)}`]),
      ].join(", "),
    ),
    pair(
      "Proposed by",
      `${row.researcher}, ${moment(row.startedAt)}${row.cost ? `, ${plural(row.cost.turns, "turn")}, ${costWords(row.cost)}` : ""}`,
    ),
    pair("Asked by its runs", row.used ? usedWords(row.used).join("; ") : null),
    pair("Commit", row.commit),
    `</dl>`,
    row.diff.trim() === "" ? "" : diffHtml(row),
    row.logTail ? logHtml(row.logTail) : "",
    `</div>`,
  ].join("");
}

/** The page is made to be handed on, and a source may hold a key as well. */
const redact = openRedactor({ homes: false });

/** The diff with runs of equal lines in one element each. */
function diffHtml(row: Row): string {
  const all = redact(row.diff).replace(/\n$/u, "").split("\n");
  const parts: string[] = [];
  let open = "";
  for (const line of all.slice(0, diffCap)) {
    const kind = lineKind(line);
    if (kind !== open) {
      if (open !== "") parts.push(`</${open}>`);
      parts.push(`<${kind}>`);
      open = kind;
    } else parts.push("\n");
    parts.push(escaped(shorten(line, lineCap)));
  }
  if (open !== "") parts.push(`</${open}>`);
  const rest = all.length - diffCap;
  const note =
    rest > 0
      ? `<p class="note">${plural(rest, "further line")} left out; <code>whet diff ${row.id}</code> has them.</p>`
      : "";
  return `<h3>Change <span class="plus">+${row.added}</span> <span class="minus">−${row.removed}</span></h3><pre class="diff">${parts.join("")}</pre>${note}`;
}

function lineKind(line: string): "ins" | "del" | "b" | "i" | "span" {
  if (/^(?:\+\+\+|---|diff |index )/u.test(line)) return "b";
  if (line.startsWith("@@")) return "i";
  return line.startsWith("+") ? "ins" : line.startsWith("-") ? "del" : "span";
}

function logHtml(log: string): string {
  const lines = printable(log).replace(/\n+$/u, "").split("\n").slice(-logCap);
  return `<h3>Last output</h3><pre>${escaped(lines.map((line) => shorten(line, lineCap)).join("\n"))}</pre>`;
}

function footer(notebook: Notebook): string {
  return `<footer><p>Effects are improvements in the metric's own unit, positive is better. “Real” is the probability that a change is truly better. Values of kept changes were measured while choosing and flatter them a little; only the audit's number is to be quoted, and a sum of kept effects is no result.</p><p>Made by Whetstone from session ${escaped(oneLine(notebook.tag))}.</p></footer>`;
}
