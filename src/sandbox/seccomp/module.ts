import { end, head, part, processors } from "./assemble.ts";
import { always, apart, pinned } from "./refusals.ts";

/** Text of filters.ts: the same on every machine. */
export function filtersModule(): string {
  const entries = processors.map((processor) => {
    const parts = {
      head: head(processor),
      always: part(always, processor),
      apart: part(apart, processor),
      pinned: part(pinned, processor),
      end: end(),
    };
    const lines = Object.entries(parts).map(
      ([name, bytes]) => `    ${name}:${quoted(bytes.toString("base64"), name.length + 6)},`,
    );
    return `  ${processor}: {\n${lines.join("\n")}\n  },`;
  });
  return `// Made by compile.ts from refusals.ts. Parts of classic BPF programs in base64, to be laid end to end.
export const filters = {\n${entries.join("\n")}\n} as const;\n`;
}

/** As the formatter of this repository lays it out. */
function quoted(text: string, before: number): string {
  return before + text.length + 3 > 110 ? `\n      "${text}"` : ` "${text}"`;
}
