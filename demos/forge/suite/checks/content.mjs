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
  overdue() {
    const due = ({ issued, terms }) =>
      new Date(Date.parse(issued) + terms * 86_400_000).toISOString().slice(0, 10);
    const rows = table("invoices.csv")
      .map((row) => ({ ...row, due: due(row), open: euros(cents(row.amount) - cents(row.paid)) }))
      .filter((row) => row.due < "2025-06-30" && Number(row.open) > 0);
    return { file: "overdue.csv", columns: ["invoice", "due", "open"], rows: rows.sort(by("due")) };
  },
  donations() {
    const all = json("donations.json").filter(({ date }) => date.startsWith("2024"));
    const sums = groups(all, ({ donor, named }) => (named ? donor : "unnamed")).map(([donor, gifts]) => ({
      ...{ donor, gifts: gifts.length, cents: gifts.reduce((sum, gift) => sum + gift.cents, 0) },
    }));
    const rows = sums.sort((a, b) => b.cents - a.cents || by("donor")(a, b));
    const columns = ["donor", "gifts", "total"];
    return { file: "donations.csv", columns, rows: rows.map((row) => ({ ...row, total: euros(row.cents) })) };
  },
  participants() {
    const places = json("courses.json");
    const booked = {};
    for (const [what, course, person] of lines("bookings.txt").map((line) => line.split(" "))) {
      booked[course] ??= [];
      if (what === "book") booked[course].push(person);
      else booked[course] = booked[course].filter((each) => each !== person);
    }
    const rows = Object.keys(booked)
      .sort()
      .flatMap((course) =>
        booked[course].slice(0, places[course]).map((person, at) => ({ course, place: at + 1, person })),
      );
    return { file: "participants.csv", columns: ["course", "place", "person"], rows };
  },
  consumption() {
    const rows = groups(table("readings.csv"), ({ meter }) => meter).map(([meter, readings]) => {
      const values = readings.sort(by("date")).map(({ value }) => Math.round(10 * value));
      const used = values
        .slice(1)
        .reduce((sum, value, at) => sum + ((value - values[at] + 10_000) % 10_000), 0);
      return { meter, readings: values.length, used: (used / 10).toFixed(1) };
    });
    return { file: "consumption.csv", columns: ["meter", "readings", "used"], rows: rows.sort(by("meter")) };
  },
  travel() {
    const rates = json("rates.json");
    const paid = ({ kind, amount, currency }) => {
      const own = Math.round(Math.round(cents(amount) * rates[currency] * 1000) / 1000);
      return kind === "meal" ? Math.min(2800, own) : own;
    };
    const rows = groups(table("expenses.csv"), ({ person }) => person).map(([person, all]) => ({
      ...{ person, receipts: all.length, euros: euros(all.reduce((sum, each) => sum + paid(each), 0)) },
    }));
    return { file: "travel.csv", columns: ["person", "receipts", "euros"], rows: rows.sort(by("person")) };
  },
  parcels() {
    const all = lines("log.txt").map((line) => {
      const [time, parcel, event, value] = line.split(" ");
      return { time, parcel, event, value };
    });
    const rows = groups(all.sort(by("time")), ({ parcel }) => parcel).map(([parcel, events]) => ({
      parcel,
      weight: events.findLast(({ event }) => event === "weighed")?.value ?? "",
      state: events.findLast(({ event }) => event !== "weighed")?.event ?? "new",
    }));
    return { file: "parcels.csv", columns: ["parcel", "weight", "state"], rows: rows.sort(by("parcel")) };
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
