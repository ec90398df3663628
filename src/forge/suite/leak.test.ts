import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answersOf, leak, readSuite, testGoals } from "../index.ts";
import { leakIn, unseenLeaks } from "./leak.ts";

const goal = (answer: string, prompt = "Find the total of the invoices") => [
  { name: "invoices", prompt, answers: [answer] },
];
const sentence =
  "The quarterly report lists revenue by region, then the three customers who grew most, and closes with open risks.";
const word = fc.stringMatching(/^[a-z]{4,9}$/);

describe("a leak", () => {
  it("is a run of words that the skill has in common with an expected answer, whatever case and punctuation", () => {
    const text = `# Reports\n\nAlways write: **the quarterly report lists revenue by region, then the three customers**.`;
    expect(leak(text, goal(sentence))).toMatchObject({
      goal: "invoices",
      quote: "the quarterly report lists revenue by region then the three customers",
      share: expect.closeTo(11 / 19, 9),
    });
    expect(leak(text, goal(sentence))?.reason).toMatch(
      /^its text gives away what invoices expects: "the quarterly/,
    );
  });

  it("is a short answer told whole, if it is not what anyone would write", () => {
    expect(leak("The total is 1,432.75 euros.", goal("1,432.75"))).toMatchObject({
      quote: "1432.75",
      share: 1,
    });
    expect(leak("The total is 21,432.75 euros.", goal("1,432.75"))).toBeNull();
    expect(leak("Answer yes or no.", goal("yes"))).toBeNull();
    expect(leak("Reply with Zurich Main Station.", goal("Zurich main station"))).not.toBeNull();
  });

  it("is none where the goal itself tells the words to every arm", () => {
    expect(leak(`Write: ${sentence}`, goal(sentence, `Write this out: ${sentence}`))).toBeNull();
    expect(leak("Use 1,432.75.", goal("1,432.75", "Check that the total is 1,432.75"))).toBeNull();
  });

  it("is none for one run of eight words in a long answer, but is one from thirteen on", () => {
    fc.assert(
      fc.property(fc.uniqueArray(word, { minLength: 130, maxLength: 160 }), (words) => {
        const answer = goal(words.join(" "));
        const from = (length: number) => `Do this: ${words.slice(40, 40 + length).join(" ")}`;
        expect(leak(from(8), answer)).toBeNull();
        expect(leak(from(13), answer)).not.toBeNull();
      }),
      { numRuns: 20 },
    );
  });

  it("is found wherever a fifth of an answer stands, and never in words of another order", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(word, { minLength: 20, maxLength: 35 }),
        fc.array(word, { maxLength: 40 }),
        (words, around) => {
          const part = words.slice(3, 3 + Math.max(8, Math.ceil(words.length / 5))).join(" ");
          expect(leak([...around, part, ...around].join("\n"), goal(words.join(" ")))).not.toBeNull();
          expect(leak([...words].reverse().join(" "), goal(words.join(" ")))).toBeNull();
        },
      ),
    );
  });

  it("looks for what checks look for", () => {
    const base = { name: "c", weight: 1 };
    expect(
      answersOf([
        { ...base, kind: "output", contains: "42.17" },
        { ...base, kind: "file", path: "a.json", json: { total: 1432.75 } },
        { ...base, kind: "file", path: "b.md", matches: "^#" },
        { ...base, kind: "file", path: "c.md", matches: "^Total: 1432\\.75 (EUR|USD)\\s+by \\d{4}$" },
        { ...base, kind: "rubric", text: "is polite" },
        { ...base, kind: "command", command: "npm test -- --timeout 30000 --port=8080", time: 1000 },
        {
          ...{ ...base, kind: "command", time: 1000 },
          command: `grep -q "three words here" out.txt && test $(wc -c < b) = 14327.5; node -e 'f(1, 2, 3)'`,
        },
      ]),
    ).toEqual([
      ...["42.17", '{"total":1432.75}', ["1432.75"], "#", "Total: 1432.75 ", "EUR", "USD", "by "],
      ...["three words here", "14327.5"],
    ]);
  });
});

describe("a leak that is not verbatim", () => {
  it("is found through case, white space, punctuation, and other forms of numbers and dates", () => {
    for (const [said, expected] of [
      ["1432.75", "1,432.75"],
      ["1.432,750", "1432.75"],
      ["1'432.75", "1432.75"],
      ["**1_432_000**", "1,432,000"],
      ["on 2026/3/1", "2026-03-01"],
      ["ZURICH   main\nstation", "Zurich: main station"],
      ["１４３２.75", "1432.75"],
    ] as const)
      expect(leak(`Remember: ${said}.`, goal(expected)), `${said} for ${expected}`).not.toBeNull();
    for (const [said, expected] of [
      ["143.275", "1432.75"],
      ["2026-01-03", "2026-03-01"],
      ["since 2026", "2026"],
      ["port 14,327 or 5", "1432.75"],
    ] as const)
      expect(leak(`Remember: ${said}.`, goal(expected)), `${said} for ${expected}`).toBeNull();
  });

  it("is found where words are changed here and there, not where texts share a subject", () => {
    const changed = sentence.replace("revenue", "income").replace("three", "few").replace("closes", "ends");
    expect(leak(`Write: ${changed}`, goal(sentence))).not.toBeNull();
    const subject =
      "A quarterly report begins with revenue. Name the customers who grew, the regions, and the open risks; close with what comes next.";
    expect(leak(subject, goal(sentence))).toBeNull();
  });

  it("is found in values of an assertion in any order, once there are two of them and half of all", () => {
    const json = { rent: 5321, food: 4280.5, travel: 17604, tools: 33, year: 2026 };
    const answers = answersOf([{ name: "c", weight: 1, kind: "file", path: "a.json", json }]);
    const asked = (prompt = "Sum up the bookings") => [{ name: "bookings", prompt, answers }];
    const list = "| travel | 17,604 |\n| rent | 5.321,00 |\n";
    expect(leak(list, asked())).toMatchObject({ quote: "5321, 17604", share: 2 / 3 });
    expect(leak("Amounts such as 5321 are whole numbers.", asked())).toBeNull();
    expect(leak("In 2026 there are 33 tools.", asked())).toBeNull();
    expect(leak(list, asked("Sum up 5321 and 17604"))).toBeNull();
  });

  it("is none in the demos, nor in plain skills for the goals of other families", async () => {
    const root = join(import.meta.dirname, "../../..");
    const goals = (
      await Promise.all(
        ["demos/forge/suite", "demos/forge/learn"].map((suite) =>
          readSuite(join(root, suite), { project: root }),
        ),
      )
    ).flatMap(({ goals: each }) =>
      each.map(({ name, goal: { text }, answers }) => ({ name, prompt: text, answers })),
    );
    expect(goals.length).toBeGreaterThanOrEqual(8);
    const texts = ["demos/forge/story.txt", ...docs.map((name) => `docs/${name}.md`)].map((path) =>
      readFileSync(join(root, path), "utf8"),
    );
    for (const text of texts) expect(leak(text, goals)).toBeNull();
  });
});

const docs = ["skills", "goals", "forge", "traces"];

describe("goals that taught a skill", () => {
  const source = { hash: "h1", title: "Clean the sales table", text: `${sentence} Do it by noon.` };

  it("never test it, under their own name or another", () => {
    const goals = [
      { hash: "h1", text: "anything" },
      { hash: "h2", text: `${sentence} Do it by evening.` },
      { hash: "h3", text: "Sum the invoices of March and write the total into a file named total.txt." },
    ];
    const { suite, excluded } = testGoals(goals, [source]);
    expect(suite.map(({ hash }) => hash)).toEqual(["h3"]);
    expect(excluded.map(({ goal: { hash } }) => hash)).toEqual(["h1", "h2"]);
    expect(excluded[0]?.reason).toBe('the skill was learned from "Clean the sales table"');
  });

  it("leave all others in, also ones that are only a part of them", () => {
    const goals = [
      { hash: "a", text: sentence.slice(0, 60) },
      { hash: "b", text: "short" },
    ];
    expect(testGoals(goals, [source]).suite).toEqual(goals);
    expect(testGoals(goals, []).excluded).toEqual([]);
  });
});

describe("what a skill brings besides its SKILL.md", () => {
  it("leaks as well, by itself or together, and is named", () => {
    const goals = [
      { name: "invoices", prompt: "Find it.", answers: [sentence, ["alpha-1234", "beta-5678"]] },
    ];
    const texts = (more: Record<string, string>) =>
      new Map(Object.entries({ "SKILL.md": "Do it well.", ...more }));
    expect(leakIn(texts({ "references/a.md": sentence }), goals)?.reason).toMatch(
      /^references\/a\.md gives away/,
    );
    expect(leakIn(texts({ "scripts/a.mjs": `print("${sentence}")` }), goals)?.goal).toBe("invoices");
    const halves = { "a.md": "it is alpha-1234", "b.md": "or beta-5678" };
    expect(leakIn(texts(halves), goals)?.reason).toMatch(/^its text gives away/);
    expect(leakIn(texts({ "a.md": "Nothing of it." }), goals)).toBeNull();
  });

  it("is not seen where answers are short, and that is said, with those that the text does hold", () => {
    const goals = ["42", "Paris", "yes"].map((answer, index) => ({
      name: `g${index}`,
      prompt: "Say yes or no.",
      answers: [answer],
    }));
    expect(unseenLeaks(new Map([["SKILL.md", "It is 42, most times."]]), goals)).toEqual([
      'answers too short to be told from chance in a text: "42", "paris" (g0, g1); whether the skill gives them away cannot be seen',
      'its text does hold "42" (g0): see whether it tells the answer',
    ]);
    expect(unseenLeaks(new Map([["SKILL.md", "x"]]), goal(sentence))).toEqual([]);
  });
});

it("rubric items expect what they quote and their numbers; a long hidden one, its own words", () => {
  const rubric = (text: string, hidden = false) => ({
    name: text,
    weight: 1,
    kind: "rubric" as const,
    text,
    hidden,
  });
  expect(answersOf([rubric('It names "the red house of Delft" and 1432.75 euros, in 2024.')])).toEqual([
    "the red house of Delft",
    "1432.75",
  ]);
  expect(answersOf([rubric("It is polite.", true)])).toEqual([]);
  const long = "It says that the third invoice was paid twice by the same customer.";
  expect(answersOf([rubric(long, true)])).toEqual([long]);
  expect(answersOf([rubric(long)])).toEqual([]);
});
