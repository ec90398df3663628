// Usage: node checks/report.mjs KIND DATA.csv REPORT.json
import { readFileSync } from "node:fs";

const [kind, data, report] = process.argv.slice(2);
const [head, ...lines] = readFileSync(data, "utf8").trim().split("\n");
const names = head.split(",");
const rows = lines.map((line) => Object.fromEntries(line.split(",").map((value, i) => [names[i], value])));
const counted = rows.filter(({ status }) => status !== "void");
const cents = ({ amount, status }) => Math.round(Number(amount) * 100) * (status === "refund" ? -1 : 1);
const by = (key, value) => {
  const sums = {};
  for (const row of counted) sums[key(row)] = (sums[key(row)] ?? 0) + value(row);
  return Object.fromEntries(Object.entries(sums).sort(([a], [b]) => (a < b ? -1 : 1)));
};
const one = (row) => (row.status === "refund" ? 0 : 1);
const kinds = {
  regions: () => by(({ region }) => region, cents),
  months: () => by(({ date }) => date.slice(0, 7), cents),
  products: () => by(({ product }) => product, cents),
  sales: () => by(({ region }) => region, one),
  busiest: () => by(({ date }) => date.slice(0, 7), one),
  customers: () => by(({ customer }) => customer, cents),
};
const wanted = { totals: kinds[kind](), source: { file: data, rows: counted.length } };
let given;
try {
  given = readFileSync(report, "utf8");
  if (JSON.stringify(JSON.parse(given)) === JSON.stringify(wanted)) process.exit(0);
} catch (error) {
  console.log(`${report}: ${error.code === "ENOENT" ? "is not there" : "is no JSON"}`);
  process.exit(1);
}
console.log(`${report}: not what the house expects`);
process.exit(1);
