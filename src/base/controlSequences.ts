import { stripVTControlCharacters } from "node:util";

/** An operating system command with its end. It stops at the next escape, so that no text is read twice. */
const command = new RegExp(
  String.raw`${"\u001b"}\][^${"\u0007\u001b\u009c"}]{0,4096}(?:[${"\u0007\u009c"}]|${"\u001b"}\\)`,
  "g",
);

/**
 * The text without sequences that command a terminal, in a time that grows with its length: Node's own function reads from
 * the beginning of every command without an end to the end of the text.
 */
export function withoutControlSequences(text: string): string {
  if (!text.includes("\u001b") && !text.includes("\u009b")) return text;
  // A blank, since nothing would let what stands around it become the beginning of a command.
  return stripVTControlCharacters(text.replace(command, "").replaceAll("\u001b]", " "));
}
