import { createHash } from "node:crypto";
import { createInterface } from "node:readline";

const capacity = 150;
const instances = 20;
const items = 300;

// The tuning instances are the same for ever, so the metric is deterministic; the holdout's are new each time.
const holdout = process.argv.includes("--holdout");
const seed = holdout ? `holdout ${process.env.SECRET ?? ""}` : "tuning";

/** Item sizes: uniform on 20..100, or two humps as in real orders; which of them depends on the instance. */
function sizes(instance: number): number[] {
  return Array.from({ length: items }, (_, index) => {
    const bytes = createHash("sha256").update(`${seed}/${instance}/${index}`).digest();
    const uniform = bytes.readUInt32BE(0) / 2 ** 32;
    if (instance % 2 === 0) return 20 + Math.floor(uniform * 81);
    const hump = (bytes[4] as number) < 128 ? 35 : 70;
    return Math.max(1, Math.min(100, Math.round(hump + (uniform - 0.5) * 30)));
  });
}

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
async function ask(question: unknown): Promise<unknown> {
  process.stdout.write(`${JSON.stringify({ ask: question })}\n`);
  const { value, done } = await answers.next();
  if (done) refuse("the candidate gave no answer");
  return (JSON.parse(value as string) as { answer: unknown }).answer;
}

function refuse(why: string): never {
  console.error(why);
  process.exit(1);
}

const arriving = Array.from({ length: instances }, (_, instance) => sizes(instance));
const bins: number[][] = arriving.map(() => []);
for (let step = 0; step < items; step++) {
  const next = arriving.map((list, instance) => ({
    item: list[step] as number,
    free: bins[instance] as number[],
  }));
  const answer = await ask({ capacity, next });
  if (!Array.isArray(answer) || answer.length !== instances)
    refuse(`the answer to item ${step} is no list of ${instances} places`);
  for (const [instance, place] of (answer as unknown[]).entries()) {
    const free = bins[instance] as number[];
    const item = (next[instance] as { item: number }).item;
    if (place === -1) free.push(capacity - item);
    else if (
      typeof place === "number" &&
      Number.isInteger(place) &&
      free[place] !== undefined &&
      free[place] >= item
    )
      free[place] -= item;
    else
      refuse(
        `item ${step} of instance ${instance} (size ${item}) cannot go to place ${JSON.stringify(place)}`,
      );
  }
}

let used = 0;
let least = 0;
for (const [instance, list] of arriving.entries()) {
  used += (bins[instance] as number[]).length;
  least += Math.ceil(list.reduce((sum, item) => sum + item, 0) / capacity);
}
console.log(JSON.stringify({ metrics: { excess: 100 * (used / least - 1), bins: used } }));
process.stdin.destroy();
