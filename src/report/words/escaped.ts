import { printable } from "../../printable.ts";

const entities: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text from data, safe as content and inside a quoted attribute of HTML and XML alike. */
export function escaped(text: string): string {
  return (
    printable(text)
      .replace(/[&<>"']/g, (character) => entities[character] as string)
      // Two characters that XML 1.0 forbids although they are well-formed Unicode.
      .replace(/[\ufffe\uffff]/g, "\ufffd")
  );
}
