import { StringDecoder } from "node:string_decoder";

const keep = 2 ** 20;

/** Takes a stream of bytes apart into lines and keeps its first and last mebibyte. */
export interface Output {
  push(chunk: Buffer): void;
  /** Hands over a last line that has no newline. */
  end(): void;
  readonly bytes: number;
  readonly cut: boolean;
  text(): string;
}

export function openOutput(onLine: ((line: string) => void) | undefined, lineLimit: number): Output {
  const decoder = new StringDecoder("utf8");
  const head: Buffer[] = [];
  let headBytes = 0;
  let tail: Buffer[] = [];
  let tailBytes = 0;
  let bytes = 0;
  let pieces: string[] = [];
  let pieceLength = 0;

  const take = (text: string) => {
    if (!onLine) return;
    let from = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      hold(text.slice(from, end));
      flush();
      from = end + 1;
    }
    if (from < text.length) hold(text.slice(from));
  };
  const hold = (piece: string) => {
    const room = lineLimit - pieceLength;
    if (room <= 0) return;
    pieces.push(piece.length > room ? piece.slice(0, room) : piece);
    pieceLength += Math.min(piece.length, room);
  };
  const flush = () => {
    const line = pieces.join("");
    pieces = [];
    pieceLength = 0;
    onLine?.(line.endsWith("\r") ? line.slice(0, -1) : line);
  };

  return {
    push(chunk) {
      bytes += chunk.length;
      const room = keep - headBytes;
      if (room > 0) {
        head.push(chunk.subarray(0, room));
        headBytes += Math.min(room, chunk.length);
      }
      if (chunk.length > room) {
        tail.push(room > 0 ? chunk.subarray(room) : chunk);
        tailBytes += chunk.length - Math.max(0, room);
        if (tailBytes > 2 * keep) {
          const last = Buffer.concat(tail);
          tail = [last.subarray(last.length - keep)];
          tailBytes = keep;
        }
      }
      take(decoder.write(chunk));
    },
    end() {
      take(decoder.end());
      if (pieceLength > 0) flush();
    },
    get bytes() {
      return bytes;
    },
    get cut() {
      return bytes > headBytes + tailBytes || tailBytes > keep;
    },
    text() {
      const last = Buffer.concat(tail);
      const end = last.length > keep ? last.subarray(last.length - keep) : last;
      const gap = bytes > headBytes + end.length ? "\n[...]\n" : "";
      return Buffer.concat(head).toString("utf8") + gap + end.toString("utf8");
    },
  };
}
