import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { nearest } from "./distance.ts";
import { task } from "./words.ts";

const { dictionary, queries } = task(Number(process.env.SEED ?? 1));
const answers = queries.map((query) => nearest(query, dictionary));
writeFileSync(join(process.env.OUT ?? ".", "answers.json"), JSON.stringify(answers));
