import { readFileSync } from "node:fs";
import { join } from "node:path";
import { task } from "./words.ts";

/** The textbook recurrence (Wagner and Fischer 1974), kept slow and plain. */
function reference(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(
        Math.min(
          (row[j] as number) + 1,
          (next[j - 1] as number) + 1,
          (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1),
        ),
      );
    row = next;
  }
  return row[b.length] as number;
}

const { dictionary, queries } = task(Number(process.env.SEED ?? 1));
const answers = JSON.parse(readFileSync(join(process.env.OUT ?? ".", "answers.json"), "utf8")) as {
  index: number;
  distance: number;
}[];
if (!Array.isArray(answers) || answers.length !== queries.length)
  fail(`${queries.length} answers are expected`);

// Every query is checked for its own distance, every fifth against the whole dictionary.
for (const [number, query] of queries.entries()) {
  const { index, distance } = answers[number] as { index: number; distance: number };
  const word = dictionary[index];
  if (word === undefined || reference(query, word) !== distance)
    fail(`query ${number}: the distance to word ${index} is not ${distance}`);
  if (number % 5 !== 0) continue;
  const best = dictionary.findIndex(
    (other) => Math.abs(other.length - query.length) <= distance && reference(query, other) <= distance,
  );
  if (best !== index) fail(`query ${number}: word ${best} is as near or nearer than word ${index}`);
}

function fail(why: string): never {
  console.error(why);
  process.exit(1);
}
