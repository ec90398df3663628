import { type Found, nothing } from "./found.ts";

/**
 * What is passed over whole, since it may hold what looks like an element. Figures alone are read, which need no
 * entities, so that a library for XML would bring nothing else.
 */
const passedOver = [
  ["<!--", "-->"],
  ["<![CDATA[", "]]>"],
  ["<?", "?>"],
  ["<!", ">"],
] as const;
/** Of an element the name and the attributes count. None of it goes beyond the next `<`, which keeps the search short. */
const element = /<(\/?)([\w:.-]+)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>/y;
const attribute = /([\w:.-]+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/g;

/** Elements within each other; every element looks through those around it. */
const deepest = 100;

interface Case {
  time: number;
  outcome: "passed" | "failed" | "skipped";
}

interface Report {
  /** Seconds that the outermost element states; null where it states none. */
  time: number | null;
  cases: Case[];
}

/**
 * A report in JUnit's form. Tests are counted by their own elements, since what the outer ones state differs between
 * tools. `time` is what the outermost suites state, or else the sum over the tests: seconds.
 */
export function readJunit(text: string, at: "time" | "tests" | "failures" | "passed"): Found {
  const report = parseJunit(text);
  if (!report) return nothing("it is no JUnit report: it has no <testsuite>");
  const count = (outcome: Case["outcome"]) => report.cases.filter((each) => each.outcome === outcome).length;
  const figures = {
    time: report.time ?? report.cases.reduce((sum, { time }) => sum + time, 0),
    tests: report.cases.length,
    failures: count("failed"),
    passed: count("passed"),
  };
  return { value: figures[at], unit: at === "time" ? "s" : "" };
}

function parseJunit(text: string): Report | null {
  const path: string[] = [];
  const suites: number[] = [];
  const report: Report = { time: null, cases: [] };
  let any = false;
  for (let here = text.indexOf("<"); here >= 0; here = text.indexOf("<", here)) {
    const [opening, closes] = passedOver.find(([begin]) => text.startsWith(begin, here)) ?? [];
    if (opening !== undefined) {
      const end = text.indexOf(closes as string, here + opening.length);
      // What has no end holds the rest of the text.
      if (end < 0) break;
      here = end + (closes as string).length;
      continue;
    }
    element.lastIndex = here;
    const match = element.exec(text);
    here = match ? element.lastIndex : here + 1;
    const [, closing, name, attributes = "", empty] = match ?? [];
    if (name === undefined) continue;
    if (closing) {
      path.splice(Math.max(0, path.lastIndexOf(name)));
      continue;
    }
    const time = Number.parseFloat((attributesOf(attributes).time ?? "").replaceAll(",", ""));
    if (name === "testsuite" || name === "testsuites") {
      any = true;
      if (path.length === 0 && name === "testsuites" && Number.isFinite(time)) report.time = time;
      // Suites within suites state a part of the outer one's time.
      if (!path.includes("testsuite") && name === "testsuite" && Number.isFinite(time)) suites.push(time);
    }
    const current = report.cases.at(-1);
    if (name === "testcase") report.cases.push({ time: Number.isFinite(time) ? time : 0, outcome: "passed" });
    else if (current && path.includes("testcase")) {
      if (name === "failure" || name === "error") current.outcome = "failed";
      else if (name === "skipped" && current.outcome === "passed") current.outcome = "skipped";
    }
    if (!empty) path.push(name);
    if (path.length > deepest) return null;
  }
  if (report.time === null && suites.length > 0) report.time = suites.reduce((sum, time) => sum + time, 0);
  return any ? report : null;
}

function attributesOf(text: string): Record<string, string | undefined> {
  return Object.fromEntries(
    [...text.matchAll(attribute)].map(([, name, double, single]) => [name, double ?? single]),
  );
}
