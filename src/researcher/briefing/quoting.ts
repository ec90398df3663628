/**
 * Text that somebody else wrote, on one line: no line breaks and no other control or invisible formatting characters,
 * at most `most` characters.
 */
export function oneLine(text: string, most: number): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ").trim();
  return line.length <= most ? line : `${whole(line.slice(0, Math.max(0, most - 1)))}…`;
}

/** Without half a surrogate pair at its end. */
function whole(text: string): string {
  return /[\ud800-\udbff]$/.test(text) ? text.slice(0, -1) : text;
}

/** The text in a fence that nothing in it can close. */
export function fenced(text: string): string {
  const mark = fenceOf(text);
  return `${mark}\n${text.endsWith("\n") || text === "" ? text : `${text}\n`}${mark}`;
}

/** More backticks than stand in a row anywhere in the text. */
function fenceOf(text: string): string {
  const longest = (text.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 0);
  return "`".repeat(Math.max(3, longest + 1));
}

/** Characters that a fence adds to a text at most. */
export function fenceCost(text: string): number {
  return 2 * fenceOf(text).length + 3;
}

/**
 * The beginning and the end of a text with a clear mark between them, at most `most` characters; "" where not even the
 * mark has room.
 *
 * @param what what is cut, for the mark: "this file".
 */
export function cutTo(text: string, most: number, what: string): string {
  if (text.length <= most) return text;
  const mark = (left: number) =>
    `\n[... ${left} of ${text.length} characters of ${what} are left out here: there is no room for them ...]\n`;
  const room = most - mark(text.length).length;
  if (room < 0) return "";
  const head = Math.ceil(room * 0.6);
  const first = whole(text.slice(0, head));
  let last = text.slice(text.length - (room - head));
  if (/^[\udc00-\udfff]/.test(last)) last = last.slice(1);
  return `${first}${mark(text.length - first.length - last.length)}${last}`;
}
