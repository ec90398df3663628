import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

interface Ticket {
  subject: string;
  body: string;
  team: string;
}

const file = process.argv.includes("--holdout") ? "holdout.json" : "tickets.json";
const tickets = JSON.parse(readFileSync(join(import.meta.dirname, file), "utf8")) as Ticket[];
const rules = readRules(
  readFileSync(join(process.env.CANDIDATE ?? import.meta.dirname, "rules.yaml"), "utf8"),
);

const right = tickets.filter((ticket) => route(ticket) === ticket.team).length;
console.log(JSON.stringify({ metrics: { accuracy: (100 * right) / tickets.length } }));

function route(ticket: Ticket): string {
  let best = "general";
  let most = Number.NEGATIVE_INFINITY;
  for (const [team, words] of Object.entries(rules.teams)) {
    let sum = 0;
    for (const [text, factor] of [
      [ticket.subject, rules.subjectFactor],
      [ticket.body, 1],
    ] as const)
      for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) sum += factor * (words.get(word) ?? 0);
    if (sum > most) {
      most = sum;
      best = team;
    }
  }
  return most < rules.threshold ? "general" : best;
}

function readRules(text: string) {
  const value = parse(text, { maxAliasCount: 10 }) as {
    threshold?: unknown;
    subject_factor?: unknown;
    teams?: unknown;
  };
  const number = (what: unknown, name: string): number => {
    // Sums of huge numbers overflow, and then mean nothing.
    if (typeof what !== "number" || !(Math.abs(what) <= 1000))
      throw new Error(`rules.yaml: ${name} must be a number from -1000 to 1000`);
    return what;
  };
  if (typeof value?.teams !== "object" || value.teams === null)
    throw new Error("rules.yaml: `teams` is missing");
  return {
    threshold: number(value.threshold, "threshold"),
    subjectFactor: number(value.subject_factor, "subject_factor"),
    teams: Object.fromEntries(
      Object.entries(value.teams).map(([team, words]) => [
        team,
        new Map(
          Object.entries(words as object).map(([word, weight]) => [word, number(weight, `${team}.${word}`)]),
        ),
      ]),
    ),
  };
}
