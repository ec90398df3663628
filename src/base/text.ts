/** The same text on one line: any white space becomes one space, none at the ends. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}
