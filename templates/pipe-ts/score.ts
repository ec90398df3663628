import { createHash } from "node:crypto";
import { createInterface } from "node:readline";

// SECRET is known to the scorer alone: the candidate cannot prepare for these numbers.
const noise = (index: number) =>
  (createHash("sha256").update(`${process.env.SECRET}/${index}`).digest()[0] as number) / 256;
const sequence = Array.from({ length: 300 }, (_, index) =>
  Math.round(20 * Math.sin(index / 30) + 8 * (noise(index) - 0.5)),
);

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
let mistakes = 0;
for (const [index, next] of sequence.entries()) {
  console.log(JSON.stringify({ ask: sequence.slice(Math.max(0, index - 16), index) }));
  const { value } = await answers.next();
  const { answer } = JSON.parse(value as string) as { answer: unknown };
  if (typeof answer !== "number" || !Number.isFinite(answer)) {
    console.error(`answer ${index} is no number`);
    process.exit(1);
  }
  mistakes += Math.min(50, Math.abs(answer - next));
}
console.log(JSON.stringify({ metrics: { mistakes: mistakes / sequence.length } }));
process.stdin.destroy();
