import { open } from "node:fs/promises";

/** A line of a file, without its end. */
export interface Line {
  text: string;
  /** Bytes from the start of the file. */
  offset: number;
  /** Of the line itself, its end not counted. */
  bytes: number;
  /** True: it was longer than the cap, and `text` is only its beginning. */
  cut: boolean;
}

/** No line of a transcript is held whole beyond this, bytes. */
export const longestLine = 16 * 1024 * 1024;

/** What is left of a longer line: enough to say what it was. */
const headOfCut = 400;
const chunkBytes = 1024 * 1024;

/**
 * The lines of a file, in batches of those that one read completed. Never more than one chunk and one line (at most
 * `cap` bytes) is in memory.
 *
 * @param from bytes to skip; the start of a line.
 */
export async function* linesOf(path: string, cap = longestLine, from = 0): AsyncGenerator<Line[]> {
  const file = await open(path, "r");
  try {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    let position = from;
    let offset = from;
    let held: Buffer[] = [];
    let heldBytes = 0;
    let bytes = 0;
    const keep = (piece: Buffer) => {
      bytes += piece.length;
      if (heldBytes > cap) return;
      // The chunk is written over by the next read.
      held.push(Buffer.from(piece));
      heldBytes += piece.length;
    };
    const finished = (piece: Buffer): Line => {
      let line: Line;
      if (bytes === 0 && piece.length <= cap)
        line = { text: piece.toString("utf8"), offset, bytes: piece.length, cut: false };
      else {
        keep(piece);
        const whole = Buffer.concat(held);
        const cut = bytes > cap;
        line = { text: (cut ? whole.subarray(0, headOfCut) : whole).toString("utf8"), offset, bytes, cut };
      }
      offset += line.bytes + 1;
      held = [];
      heldBytes = 0;
      bytes = 0;
      return line;
    };
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunkBytes, position);
      if (bytesRead === 0) break;
      position += bytesRead;
      const data = chunk.subarray(0, bytesRead);
      const batch: Line[] = [];
      let start = 0;
      for (let end = data.indexOf(10); end !== -1; end = data.indexOf(10, start)) {
        batch.push(finished(data.subarray(start, end)));
        start = end + 1;
      }
      if (start < bytesRead) keep(data.subarray(start));
      yield batch;
    }
    // A last line without an end may be one that is being written: whoever reads it finds no whole JSON.
    if (bytes > 0) yield [finished(Buffer.alloc(0))];
  } finally {
    await file.close();
  }
}
