// Usage: node checks/content.mjs KIND. Whether a file says what it should, in whatever form.
import { existsSync, readFileSync } from "node:fs";

const text = (name) => readFileSync(`data/${name}`, "utf8");
const json = (name) => JSON.parse(text(name));
const lines = (name) => text(name).trim().split("\n");
const table = (name) => {
  const [head, ...rows] = lines(name).map((line) => line.split(","));
  return rows.map((row) => Object.fromEntries(row.map((value, at) => [head[at], value])));
};
const by = (key) => (a, b) => (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : 0);
const cents = (value) => Math.round(Number(value) * 100);
const euros = (value) => (value / 100).toFixed(2);
const groups = (rows, key) => [...Map.groupBy(rows, key)];

const kinds = {
  members() {
    const all = table("members.csv").map((row) => ({ ...row, email: row.email.trim().toLowerCase() }));
    const rows = groups(all, ({ email }) => email).map(([, same]) => same.sort(by("joined")).at(-1));
    return { file: "members.csv", columns: ["name", "email", "joined"], rows: rows.sort(by("email")) };
  },
  prices() {
    const rows = table("prices.csv").map(({ article, group, price }) => ({
      article,
      price: euros(group === "paper" ? Math.round((cents(price) * 106) / 100) : cents(price)),
    }));
    return { file: "prices.csv", columns: ["article", "price"], rows: rows.sort(by("article")) };
  },
  hours() {
    const minutes = (clock) => 60 * Number(clock.slice(0, 2)) + Number(clock.slice(3));
    const all = lines("hours.txt").map((line) => {
      const [, person, times] = /^\S+ (\S+) (.*)$/.exec(line);
      const spans = times.split(", ").map((span) => span.split("-").map(minutes));
      return { person, minutes: spans.reduce((sum, [from, to]) => sum + to - from, 0) };
    });
    const rows = groups(all, ({ person }) => person).map(([person, days]) => ({
      person,
      hours: (days.reduce((sum, day) => sum + day.minutes, 0) / 60).toFixed(2),
    }));
    return { file: "hours.csv", columns: ["person", "hours"], rows: rows.sort(by("person")) };
  },
  orders() {
    const depots = [json("north.json"), json("south.json")];
    const rows = table("articles.csv").flatMap(({ article, least, pack }) => {
      const stock = depots.reduce((sum, depot) => sum + (depot[article] ?? 0), 0);
      return stock < Number(least) ? [{ article, stock, packs: Math.ceil((least - stock) / pack) }] : [];
    });
    return { file: "orders.csv", columns: ["article", "stock", "packs"], rows: rows.sort(by("article")) };
  },
};

const [kind] = process.argv.slice(2);
const { file, columns, rows } = kinds[kind]();
const path = `out/${file}`;
const fail = (why) => {
  console.log(`${path}: ${why}`);
  process.exit(1);
};
if (!existsSync(path)) fail("is not there");
const given = readFileSync(path, "utf8")
  .replace(/^\uFEFF/, "")
  .trimEnd()
  .split(/\r?\n/);
if (/^END\b/.test(given.at(-1))) given.pop();
// However the fields are separated and numbers are written: that is the other check's.
const separator = given[0].includes(";") ? ";" : given[0].includes("\t") ? "\t" : ",";
const fields = (line) => line.split(separator).map((field) => field.trim().replace(/^"(.*)"$/, "$1"));
const plain = (field) => (/^-?\d+,\d+$/.test(field) ? field.replace(",", ".") : field);
if (fields(given[0]).join() !== columns.join()) fail("the columns are not what was asked for");
const found = given.slice(1).map((line) => fields(line).map(plain).join(";"));
const wanted = rows.map((row) => columns.map((column) => String(row[column])).join(";"));
if (found.length !== wanted.length) fail(`${found.length} data lines are not the right number`);
const wrong = found.filter((line, at) => line !== wanted[at]).length;
if (wrong > 0) fail(`${wrong} of ${found.length} data lines are wrong, or not in their place`);
console.log(`${path}: the content is right`);
