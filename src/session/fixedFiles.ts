import type { Violation } from "../repo/index.ts";

/** Files that `change` matches and no candidate can change, as a sentence; none where there are none. */
export function fixedFiles(fixed: readonly Violation[]): string[] {
  if (fixed.length === 0) return [];
  const named = fixed.slice(0, 5).map(({ path, detail }) => `${path} (${detail})`);
  const more = fixed.length > 5 ? `, and ${fixed.length - 5} more` : "";
  return [`\`change\` matches what no candidate can change; it stays as it is: ${named.join(", ")}${more}`];
}
