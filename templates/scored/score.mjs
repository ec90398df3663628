import { readFileSync } from "node:fs";
import { join } from "node:path";

const coefficients = JSON.parse(readFileSync(join(process.env.OUT, "model.json"), "utf8"));
if (!Array.isArray(coefficients) || !coefficients.every(Number.isFinite)) {
  console.error("model.json must hold a list of numbers");
  process.exit(1);
}
const hidden = JSON.parse(readFileSync("hidden.json", "utf8"));
const error = hidden.reduce(
  (sum, [x, y]) => sum + (coefficients.reduce((value, c, power) => value + c * x ** power, 0) - y) ** 2,
  0,
);
console.log(JSON.stringify({ metrics: { error: Math.sqrt(error / hidden.length) } }));
