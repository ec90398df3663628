import { readFileSync } from "node:fs";
import { join } from "node:path";

const counts = JSON.parse(readFileSync(join(process.env.OUT, "counts.json"), "utf8"));
const right = [1229, 9592, 78498, 216816];
if (JSON.stringify(counts) !== JSON.stringify(right)) {
  console.error(`expected ${right.join(", ")}, got ${JSON.stringify(counts)}`);
  process.exit(1);
}
