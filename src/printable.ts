import { withoutControlSequences } from "./base/index.ts";

/** Control characters (C0, C1, DEL) but tab and line end, and what changes the direction of what follows. */
const commanding = /[^\P{Cc}\t\n]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
/** What else nobody sees: zero-width characters, tags, fillers. */
const unseen = /\p{Cf}|\u034f|\u115f|\u1160|\u3164|\uffa0/gu;

/**
 * Text of somebody else's, safe on a terminal and in a file that a person reads: without terminal sequences (CSI, OSC and
 * their kin, whole or cut), control characters, changes of direction and what cannot be seen. Line ends and tabs stay.
 */
export function printable(text: string): string {
  return withoutControlSequences(text).replace(commanding, " ").replace(unseen, "").toWellFormed();
}

/** The sequence that begins a colour or a weight, and no other: each of them ends with `m`. */
const control = "\u001b";
const colour = new RegExp(`(${control}\\[[\\d;]{0,20}m)`);

/** The same for text that Whetstone has put together and painted: its colours stay. */
export function paintedText(text: string): string {
  return text
    .split(colour)
    .map((part, index) => (index % 2 === 1 ? part : printable(part)))
    .join("");
}

/** JSON that is printed as it is: what `printable` would take away is written as an escape, which means the same. */
export function printableJson(json: string): string {
  return json.replace(/[^\P{Cc}\t\n]|[\p{Cf}\u2028\u2029]/gu, (found) =>
    Array.from(
      { length: found.length },
      (_, index) => `\\u${found.charCodeAt(index).toString(16).padStart(4, "0")}`,
    ).join(""),
  );
}
