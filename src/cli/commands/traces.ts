import { once } from "node:events";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { UserError } from "../../errors.ts";
import { type Ledger, openLedger, rawOf, tracedTurns, traceOf, turnsOf } from "../../ledger/index.ts";
import { printableJson } from "../../printable.ts";
import { openRedactor } from "../../redaction/index.ts";
import { rawText, traceText, turnList } from "../../report/index.ts";
import {
  discover,
  type ImportReport,
  importTraces,
  otelLine,
  type Source,
  sources,
  transcriptsAt,
} from "../../traces/index.ts";
import { colour, hasReader, interactive, print, printJson, width, write } from "../output.ts";

interface ImportFlags {
  from?: string;
  all?: boolean;
  since?: string;
  dryRun?: boolean;
  raw?: boolean;
  emails?: boolean;
  json?: boolean;
}

export async function traceImportCommand(paths: string[], flags: ImportFlags): Promise<number> {
  const from = flags.from === undefined ? null : sourceNamed(flags.from);
  const since = flags.since === undefined ? undefined : dateNamed(flags.since);
  const root = projectRoot();
  const found =
    paths.length > 0
      ? paths.flatMap((path) => transcriptsAt(resolve(path), from, since === undefined ? {} : { since }))
      : discover({
          ...(from === null ? {} : { sources: [from] }),
          folder: flags.all ? null : root,
          ...(since === undefined ? {} : { since }),
        });
  const ledgerFile = join(root, ".whetstone", "ledger.db");
  const ledger =
    found.length === 0 || (flags.dryRun && !existsSync(ledgerFile)) ? null : await openLedger(ledgerFile);
  const stop = new AbortController();
  const interrupted = () => stop.abort();
  process.once("SIGINT", interrupted);
  const progress = interactive && !flags.json ? progressLine() : null;
  try {
    const report = await importTraces(ledger, found, {
      ...(since === undefined ? {} : { since }),
      ...{
        dryRun: flags.dryRun ?? false,
        raw: flags.raw ?? false,
        redact: { emails: flags.emails ?? false },
      },
      signal: stop.signal,
      ...(progress ? { onProgress: (report: ImportReport) => progress.show(report) } : {}),
    });
    progress?.end();
    if (ledger !== null && !flags.dryRun) await (await import("./forge.ts")).feedForge(ledger, root, null);
    if (flags.json) printJson(report);
    else
      print(reportText(report, { dryRun: flags.dryRun ?? false, all: flags.all ?? paths.length > 0, root }));
    return stop.signal.aborted ? 130 : report.failed.length > 0 ? 1 : 0;
  } finally {
    progress?.end();
    process.off("SIGINT", interrupted);
    await ledger?.close();
  }
}

interface ListFlags {
  newest: number;
  goal?: number;
  json?: boolean;
}

/** `whet trace list`: turns of every origin, newest last. */
export async function traceListCommand({ newest, goal, json }: ListFlags): Promise<number> {
  const turns = await withTurns((ledger) => turnsOf(ledger, goal === undefined ? "any" : { goal }, newest));
  if (json) printJson(turns);
  else if (turns.length === 0) print("no turns yet: `whet trace import` brings some in");
  else print(turnList(turns));
  return 0;
}

/** `whet trace show`: one turn, of whatever origin. */
export async function traceShowCommand(
  id: number,
  flags: { raw?: boolean; json?: boolean },
): Promise<number> {
  const found = await withTurns(async (ledger) => {
    const [turn] = await turnsOf(ledger, { turn: id }, 1);
    if (!turn) throw new UserError(`there is no turn ${id}`, "`whet trace list` shows them");
    return { turn, events: await traceOf(ledger, id), raw: flags.raw ? await rawOf(ledger, id) : "" };
  });
  const { turn, events, raw } = found;
  if (flags.json) printJson({ ...turn, events, ...(flags.raw ? { raw } : {}) });
  else if (flags.raw) print(rawText([raw]));
  else print(`${traceText([{ ...turn, events }], { colour, width: width() })}\n${turn.prompt}`);
  return 0;
}

async function withTurns<T>(ask: (ledger: Ledger) => Promise<T>): Promise<T> {
  const ledger = await openLedger(ledgerPath());
  try {
    return await ask(ledger);
  } finally {
    await ledger.close();
  }
}

/** @throws UserError when nothing was ever recorded here. */
function ledgerPath(): string {
  const path = join(projectRoot(), ".whetstone", "ledger.db");
  if (!existsSync(path))
    throw new UserError(`there is no ledger at ${path} yet`, "`whet trace import` begins one");
  return path;
}

interface ExportFlags {
  otel?: boolean;
}

export async function traceExportCommand(ids: string[], flags: ExportFlags): Promise<number> {
  if (!flags.otel)
    throw new UserError(
      "as what?",
      "`whet trace export --otel` writes OpenTelemetry spans as OTLP/JSON, one turn a line",
    );
  const wanted = ids.map((id) => {
    const number = Number(id);
    if (!Number.isInteger(number) || number < 1)
      throw new UserError(
        `a turn has a number from 1, not "${id}"`,
        "without numbers all turns are exported",
      );
    return number;
  });
  const path = ledgerPath();
  const redact = openRedactor();
  const ledger: Ledger = await openLedger(path);
  const missing = new Set(wanted);
  try {
    for await (const { id, ...turn } of tracedTurns(ledger, wanted.length === 0 ? null : wanted)) {
      missing.delete(id);
      const line = otelLine({ ...turn, id: `${path}#${id}` }, redact);
      // Not faster than it is read.
      if (!write(`${printableJson(line)}\n`)) await once(process.stdout, "drain").catch(() => {});
      if (!hasReader()) return 0;
    }
  } finally {
    await ledger.close();
  }
  if (missing.size > 0) throw new UserError(`there is no turn ${[...missing].join(", ")} in ${path}`);
  return 0;
}

/** The top of the git repository that the working directory lies in, or the directory itself. */
function projectRoot(): string {
  const here = process.cwd();
  for (let folder = here; ; folder = dirname(folder)) {
    if (existsSync(join(folder, ".git"))) return folder;
    if (folder === dirname(folder)) return here;
  }
}

function sourceNamed(name: string): Source {
  const found = sources.find((source) => source === name);
  if (!found)
    throw new UserError(`nobody called "${name}" is known here`, `--from takes ${sources.join(", ")}`);
  return found;
}

function dateNamed(text: string): number {
  const at = Date.parse(text);
  if (Number.isNaN(at))
    throw new UserError(`"${text}" is no date`, "write it as 2026-11-01, or 2026-11-01T08:00Z");
  return at;
}

function progressLine() {
  let shown = 0;
  let drawn = false;
  const began = performance.now();
  return {
    show({ bytes, totalBytes, turns, transcripts }: ImportReport) {
      const now = performance.now();
      if (now - shown < 100) return;
      shown = now;
      drawn = true;
      const share = totalBytes === 0 ? 100 : Math.floor((100 * bytes) / totalBytes);
      const speed = bytes / 1e6 / Math.max(0.001, (now - began) / 1000);
      write(
        `\r\u001b[K${share} % of ${megabytes(totalBytes)} in ${transcripts} transcripts, ${turns} turns, ${speed.toFixed(0)} MB/s`,
      );
    },
    end() {
      if (drawn) write("\r\u001b[K");
      drawn = false;
    },
  };
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

function reportText(
  report: ImportReport,
  { dryRun, all, root }: { dryRun: boolean; all: boolean; root: string },
): string {
  if (report.transcripts === 0)
    return all
      ? "No transcripts were found."
      : `No transcripts of work in ${root.replace(homedir(), "~")} were found.\n→ \`whet trace import --all\` takes those of every project; a path takes any file or folder`;
  const by = Object.entries(report.bySource)
    .filter(([, n]) => n > 0)
    .map(([source, n]) => `${source} ${n}`)
    .join(", ");
  const lines = [
    `${dryRun ? "Would import" : "Imported"} ${plural(report.turns, "turn")}${by === "" ? "" : ` (${by})`} with ${plural(report.events, "event")} from ${plural(report.transcripts, "transcript")}, ${megabytes(report.totalBytes)}.`,
  ];
  if (report.known > 0) lines.push(`${plural(report.known, "turn")} were there already.`);
  if (report.unchanged > 0)
    lines.push(`${plural(report.unchanged, "transcript")} had not changed since the last time.`);
  if (report.unfinished > 0)
    lines.push(`${plural(report.unfinished, "turn")} may still be going on: left for the next time.`);
  const secrets = Object.entries(report.redacted);
  if (secrets.length > 0)
    lines.push(
      `Taken out before anything was stored: ${secrets.map(([kind, n]) => `${n} ${kind}`).join(", ")}.`,
    );
  if (report.unknown > 0) {
    const at = report.unknownAt.map(
      ({ path, offset }) => `byte ${offset} of ${path.replace(homedir(), "~")}`,
    );
    lines.push(
      `${plural(report.unknown, "line")} of ${report.lines} were not understood and skipped${at.length > 0 ? `, the first at ${at.join(", ")}` : ""}.`,
    );
  }
  if (report.tooLong > 0)
    lines.push(`${plural(report.tooLong, "line")} were too long; a note stands in their place.`);
  for (const { path, why } of report.failed) lines.push(`Could not be read: ${path}: ${why}`);
  return lines.join("\n");
}

const plural = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;
