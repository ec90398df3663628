import {
  addImported,
  type ImportedTurn,
  importedKeys,
  type Ledger,
  markTranscript,
  transcriptMarks,
} from "../ledger/index.ts";
import { openRedactor, type RedactOptions, type Redactor } from "../redaction/index.ts";
import { claudeAsides, readClaude } from "./claude.ts";
import { readCodex } from "./codex.ts";
import type { Transcript } from "./discover.ts";
import { type Line, linesOf } from "./lines.ts";
import { readOpencode } from "./opencode.ts";
import { openOpencode } from "./opencodeDatabase.ts";
import { readOtel } from "./otel.ts";
import { activeBranch, readPi } from "./pi.ts";
import type { TranscriptReader, TranscriptTurn } from "./turn.ts";
import { parseObject } from "./values.ts";

export interface ImportOptions {
  /** Only turns that began since then, milliseconds since the epoch. */
  since?: number;
  /** Nothing is written. */
  dryRun?: boolean;
  /** The turns' own lines are stored too, redacted; default: only where they can be found. */
  raw?: boolean;
  redact?: RedactOptions;
  /** Told after each piece that was read. */
  onProgress?: (progress: ImportReport) => void;
  signal?: AbortSignal;
}

/** What an import did so far. */
export interface ImportReport {
  transcripts: number;
  /** Of them: not changed since they were read last. */
  unchanged: number;
  /** Could not be read. */
  failed: { path: string; why: string }[];
  /** Of all transcripts, and read so far. */
  totalBytes: number;
  bytes: number;
  lines: number;
  /** Lines that are no part of the format, or none that is known. */
  unknown: number;
  /** Where the first few of them are. */
  unknownAt: { path: string; offset: number }[];
  /** Lines over the cap, of which only a note is kept. */
  tooLong: number;
  /** New turns, and how many of each source. */
  turns: number;
  bySource: Record<string, number>;
  /** Turns that were there already. */
  known: number;
  /** Turns that may be going on: left for the next time. */
  unfinished: number;
  events: number;
  /** Secrets taken out, by kind. */
  redacted: Readonly<Record<string, number>>;
}

/** A transcript that was not touched for so long is not being written, milliseconds. */
const restingMs = 60 * 60 * 1000;
/** Turns written in one transaction: each costs a synchronisation of the disk. */
const batchText = 8 * 1024 * 1024;
const batchTurns = 500;
/** Of one turn's raw lines; the rest is left out. */
const mostRaw = 16 * 1024 * 1024;

/**
 * Reads transcripts into the ledger, one after the other, line by line: memory stays the same however long they are.
 * Everything is redacted before it leaves the reader. Turns that the ledger has are left as they are, so that a
 * transcript that has grown brings its new turns only.
 *
 * @param ledger null: there is none yet, and with `dryRun` none is made.
 */
export async function importTraces(
  ledger: Ledger | null,
  transcripts: readonly Transcript[],
  options: ImportOptions = {},
): Promise<ImportReport> {
  const redact = openRedactor(options.redact);
  const report: ImportReport = {
    ...{
      transcripts: transcripts.length,
      unchanged: 0,
      failed: [],
      bytes: 0,
      lines: 0,
      unknown: 0,
      unknownAt: [],
    },
    totalBytes: transcripts.reduce((sum, each) => sum + each.bytes, 0),
    ...{ tooLong: 0, turns: 0, bySource: {}, known: 0, unfinished: 0, events: 0, redacted: redact.counts },
  };
  const marks = ledger ? await transcriptMarks(ledger) : new Map<string, never>();
  for (const transcript of transcripts) {
    if (options.signal?.aborted) break;
    const path = placeOf(transcript);
    const mark = marks.get(path);
    const began = report.bytes;
    // With an earlier date, or with raw lines, an unchanged transcript may still have something to give.
    if (mark && mark.bytes === transcript.bytes && mark.changedAt === Math.round(transcript.changedAt))
      report.unchanged++;
    else
      try {
        const whole = await importOne(ledger, transcript, redact, report, options);
        // Unless something was left for later.
        if (whole && ledger && !options.dryRun && options.since === undefined)
          await markTranscript(ledger, {
            ...{ source: transcript.source, path, bytes: transcript.bytes, changedAt: transcript.changedAt },
          });
      } catch (error) {
        const { code = "" } = error as NodeJS.ErrnoException;
        // A full disk or a broken ledger is no matter of this one transcript.
        if (/^(ENOSPC|SQLITE_(FULL|IOERR|CORRUPT|READONLY))/.test(code) && transcript.source !== "opencode")
          throw error;
        report.failed.push({ path, why: (error as Error).message });
      }
    report.bytes = began + transcript.bytes;
    options.onProgress?.(report);
  }
  return report;
}

export function placeOf({ path, session }: Pick<Transcript, "path" | "session">): string {
  return session === null ? path : `${path}#${session}`;
}

/** @returns false when a turn was left for the next time. */
async function importOne(
  ledger: Ledger | null,
  transcript: Transcript,
  redact: Redactor,
  report: ImportReport,
  options: ImportOptions,
): Promise<boolean> {
  const fresh = Date.now() - transcript.changedAt < restingMs;
  const place = redact(placeOf(transcript));
  let whole = true;
  let batch: ImportedTurn[] = [];
  let text = 0;
  const seen = new Set<string>();

  const flush = async () => {
    const turns = batch;
    batch = [];
    text = 0;
    if (turns.length === 0) return;
    let added: number;
    if (ledger && !options.dryRun) added = await addImported(ledger, transcript.source, turns);
    else {
      const keys = turns.map(({ key }) => key);
      added = turns.length - (ledger ? await importedKeys(ledger, transcript.source, keys) : seen).size;
    }
    report.turns += added;
    report.bySource[transcript.source] = (report.bySource[transcript.source] ?? 0) + added;
    report.known += turns.length - added;
  };
  const take = async (turns: readonly TranscriptTurn[], rawOf: (turn: TranscriptTurn) => Promise<string>) => {
    for (const turn of turns) {
      if (options.since !== undefined && turn.startedAt < options.since) continue;
      if (!turn.over && fresh) {
        report.unfinished++;
        whole = false;
        continue;
      }
      report.events += turn.events.length;
      batch.push({ ...turn, raw: await rawOf(turn) });
      text += turn.events.reduce((sum, event) => sum + weight(event), 1000);
      if (text > batchText || batch.length >= batchTurns) await flush();
    }
  };

  if (transcript.source === "opencode") {
    const db = openOpencode(transcript.path);
    try {
      const session = db.sessions().find(({ id }) => id === transcript.session);
      const unknown = () => report.unknown++;
      if (session)
        for (const turn of readOpencode(db, session, redact, unknown)) {
          report.lines += turn.events.length;
          await take([turn], async ({ key }) => JSON.stringify({ path: place, message: key }));
        }
    } finally {
      db.close();
    }
  } else {
    const where = async ({ offset, end }: TranscriptTurn) => {
      const found = { path: place, offset, bytes: offset === null || end === null ? null : end - offset };
      return options.raw ? rawLines(transcript.path, offset, end, redact) : JSON.stringify(found);
    };
    const reader = await readerOf(transcript, redact);
    const start = report.bytes;
    for await (const lines of linesOf(transcript.path)) {
      if (options.signal?.aborted) return false;
      for (const line of lines) await take(readLine(reader, transcript, line, report), where);
      report.bytes = start + (lines.at(-1)?.offset ?? 0);
      options.onProgress?.(report);
    }
    await take(reader.end(), where);
  }
  await flush();
  return whole;
}

function weight(event: object): number {
  return Object.values(event).reduce<number>(
    (sum, value) => sum + (typeof value === "string" ? value.length : 8),
    0,
  );
}

async function readerOf({ source, path }: Transcript, redact: Redactor): Promise<TranscriptReader> {
  switch (source) {
    case "claude":
      return readClaude(redact);
    case "codex":
      return readCodex(redact);
    case "pi": {
      // Which entries belong is known at the end of the file only.
      const branch = activeBranch();
      for await (const lines of linesOf(path)) for (const line of lines) branch.add(line.text);
      return readPi(redact, branch);
    }
    default:
      return readOtel(redact);
  }
}

/** Lines that say nothing and can be long; known by their beginning, they need not be parsed. */
const aside = new RegExp(`^\\{"type":"(?:${claudeAsides.join("|")})"`);

function readLine(
  reader: TranscriptReader,
  { source, path }: Transcript,
  { text, offset, bytes, cut }: Line,
  report: ImportReport,
): TranscriptTurn[] {
  if (bytes === 0) return [];
  report.lines++;
  if (source === "claude" && aside.test(text)) return [];
  if (cut) {
    report.tooLong++;
    reader.note(`a line of ${Math.round(bytes / 1024 / 1024)} MB was left out: ${text.slice(0, 200)}`);
    return [];
  }
  const line = parseObject(text);
  // Whatever a line holds, it never stops the import of the others.
  const turns = line && attempt(() => reader.read(line, offset));
  if (!turns && report.unknown++ < 3) report.unknownAt.push({ path, offset });
  return turns ?? [];
}

function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

async function rawLines(
  path: string,
  offset: number | null,
  end: number | null,
  redact: Redactor,
): Promise<string> {
  const kept: string[] = [];
  let length = 0;
  for await (const lines of linesOf(path, undefined, offset ?? 0))
    for (const line of lines) {
      if ((end !== null && line.offset >= end) || length > mostRaw) return kept.join("\n");
      kept.push(redact(line.text));
      length += line.text.length;
    }
  return kept.join("\n");
}
