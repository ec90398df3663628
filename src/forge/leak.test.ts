import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answersOf, leak, testGoals } from "./index.ts";

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
      quote: "1,432.75",
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
        { ...base, kind: "rubric", text: "is polite" },
        { ...base, kind: "command", command: "npm test", time: 1000 },
      ]),
    ).toEqual(["42.17", '{"total":1432.75}']);
  });
});

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
