import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import { UserError } from "../../errors.ts";
import type { Exchange } from "./exchange.ts";

/** What a cassette holds. */
export interface Recording {
  /** Who was recorded, when and how, in a sentence or two. */
  about: string;
  exchanges: Exchange[];
}

/**
 * Reads a cassette: gzip over JSON lines, the first about the recording, then one exchange each.
 *
 * @throws UserError when it is not there, or is none.
 */
export function readRecording(path: string): Recording {
  try {
    const [head, ...lines] = gunzipSync(readFileSync(path)).toString().trimEnd().split("\n");
    const { cassette, about } = JSON.parse(head ?? "") as { cassette?: number; about: string };
    if (cassette !== 1) throw new Error("its first line does not say that it is a cassette of version 1");
    return { about, exchanges: lines.map((line) => JSON.parse(line) as Exchange) };
  } catch (error) {
    throw new UserError(`${path} is no cassette: ${(error as Error).message}`, "record it again");
  }
}

/** Writes a cassette; whoever reads it meanwhile sees the old one or the new one. */
export function writeRecording(path: string, { about, exchanges }: Recording): void {
  const lines = [{ cassette: 1, about }, ...exchanges].map((line) => `${JSON.stringify(line)}\n`);
  writeFileSync(`${path}.new`, gzipSync(lines.join(""), { level: 9 }));
  renameSync(`${path}.new`, path);
}
