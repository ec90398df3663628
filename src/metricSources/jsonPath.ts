/** One step of a path: a property, an index (negative: from the end), or the first item with `name=value`. */
export type Step = string | number | { key: string; value: string };

const step =
  /\["((?:[^"\\]|\\.)*)"\]|\['([^']*)'\]|\[(-?\d+)\]|\[([^\]=[]+)=([^\]]*)\]|\.?"([^"]*)"|\.?([^.[\]"]+)/y;

/** The text between double quotes: escaped as in JSON, or else each backslash stands before the sign that is meant. */
function unescaped(quoted: string | undefined): string | undefined {
  if (quoted === undefined) return undefined;
  try {
    return JSON.parse(`"${quoted}"`) as string;
  } catch {
    return quoted.replace(/\\(.)/g, "$1");
  }
}

/**
 * `results[0].mean`, `audits["largest-contentful-paint"].numericValue`, `totals."a.b"`, `benchmarks[name=sort].mean`,
 * `runs[-1]`; a leading `$` or `.` is passed over. Null when it is no such path.
 */
export function parsePath(path: string): Step[] | null {
  const text = path.trim().replace(/^\$?\.?(?=.)|^\$$/, "");
  if (text === "") return [];
  const steps: Step[] = [];
  step.lastIndex = 0;
  while (step.lastIndex < text.length) {
    const match = step.exec(text);
    if (!match) return null;
    const [, double, single, index, key, value, quoted, plain] = match;
    if (index !== undefined) steps.push(Number(index));
    else if (key !== undefined)
      steps.push({ key: key.trim(), value: (value as string).replace(/^["']|["']$/g, "") });
    else steps.push(unescaped(double) ?? single ?? quoted ?? (plain as string));
  }
  return steps;
}
