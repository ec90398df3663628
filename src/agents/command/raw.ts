/** Keeps what was printed: of each stream the first and the last half of what it may hold. */
export interface Raw {
  push(line: string, stream: "stdout" | "stderr"): void;
  text(): string;
  /** The last line of standard output. */
  readonly last: string;
}

/** @param most characters of one stream. */
export function openRaw(most = 2 ** 24): Raw {
  const streams = { stdout: openKept(most / 2), stderr: openKept(most / 2) };
  let last = "";
  return {
    push(line, stream) {
      streams[stream].push(line);
      if (stream === "stdout") last = line;
    },
    text() {
      const errors = streams.stderr.text();
      return streams.stdout.text() + (errors === "" ? "" : `--- standard error ---\n${errors}`);
    },
    get last() {
      return last;
    },
  };
}

function openKept(half: number) {
  const head: string[] = [];
  let room = half;
  let tail: string[] = [];
  let tailLength = 0;
  let cut = 0;
  return {
    push(line: string) {
      const text = `${line}\n`;
      if (room > 0) {
        head.push(text.slice(0, room));
        const rest = text.slice(room);
        room -= text.length - rest.length;
        if (rest === "") return;
        tail.push(rest);
        tailLength += rest.length;
      } else {
        tail.push(text);
        tailLength += text.length;
      }
      if (tailLength <= 2 * half) return;
      const all = tail.join("");
      tail = [all.slice(-half)];
      cut += all.length - half;
      tailLength = half;
    },
    text() {
      const all = tail.join("");
      const end = all.slice(-half);
      const missing = cut + all.length - end.length;
      return head.join("") + (missing > 0 ? `\n[... ${missing} characters ...]\n` : "") + end;
    },
  };
}
