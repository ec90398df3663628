import { withoutControlSequences } from "../../base/index.ts";

/** The text without colours and cursor movements, with one kind of line ending; a carriage return ends a line too. */
export function cleaned(text: string): string {
  // Most output has neither, and may be many megabytes long.
  const plain = withoutControlSequences(text);
  const whole = plain.startsWith("\uFEFF") ? plain.slice(1) : plain;
  return whole.includes("\r") ? whole.replace(/\r\n?/g, "\n") : whole;
}

/** What a terminal shows of the text in the end: a progress bar writes over its own line after each carriage return. */
export function asShown(text: string): string {
  if (!text.includes("\r")) return text;
  return text
    .split("\n")
    .map((line) => {
      const parts = line.split("\r");
      return parts.findLast((part) => part.trim() !== "") ?? "";
    })
    .join("\n");
}
