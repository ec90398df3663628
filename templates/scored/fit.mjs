import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const DEGREE = 1; // 1 .. 9
const RIDGE = 1; // how strongly coefficients are pulled to zero

const points = JSON.parse(readFileSync("points.json", "utf8"));
const size = DEGREE + 1;
// Normal equations of ridge regression, solved by Gaussian elimination.
const rows = Array.from({ length: size }, (_, i) =>
  Array.from({ length: size + 1 }, (_, j) =>
    points.reduce((sum, [x, y]) => sum + x ** i * (j < size ? x ** j : y), i === j ? RIDGE : 0),
  ),
);
for (let i = 0; i < size; i++)
  for (let k = 0; k < size; k++) {
    if (k === i) continue;
    const factor = rows[k][i] / rows[i][i];
    for (let j = i; j <= size; j++) rows[k][j] -= factor * rows[i][j];
  }
const coefficients = rows.map((row, i) => row[size] / row[i]);
writeFileSync(join(process.env.OUT, "model.json"), JSON.stringify(coefficients));
