import { withoutControlSequences } from "../base/index.ts";

/**
 * The line of a log that tells why a program failed: Python's last error, Node's with its cause, a panic's words, a
 * compiler's first error, a test runner's failed test. Where none is known, the last line that says something.
 */

/** How much a line says: a named error, a compiler's complaint, words of failure, or anything at all. */
type Rank = 3 | 2 | 1 | 0;

interface Found {
  rank: Rank;
  text: string;
}

const longest = 500;
/** Characters of a line that are looked at: whoever writes the log must not keep us busy with it. */
const longestLine = 1000;
/** Characters of a log that are looked at: the reason stands near its end. */
const looked = 64 * 1024;

/**
 * The reason of a failure in what a program wrote, as one line; "" when it wrote nothing.
 *
 * @param texts its streams, the one that counts first where both say as much: standard error, then standard output.
 */
export function reasonLine(...texts: readonly string[]): string {
  let best: Found = { rank: 0, text: "" };
  for (const text of texts) {
    const found = reasonOf(linesOf(text));
    if (best.text === "" || found.rank > best.rank) best = found.text === "" ? best : found;
  }
  return best.text.slice(0, longest);
}

/** Without colours, and of a line that was written over again and again what it showed last. */
function linesOf(text: string): string[] {
  return withoutControlSequences(text.slice(-looked))
    .split("\n")
    .map((line) => (line.trimEnd().split("\r").at(-1) as string).slice(0, longestLine).trimEnd())
    .filter((line) => line.trim() !== "");
}

function reasonOf(lines: readonly string[]): Found {
  return (
    failedTest(lines) ??
    namedError(lines) ??
    compilerError(lines) ??
    wordsOfFailure(lines) ??
    lastWords(lines)
  );
}

/** pytest's summary, Go's and Node's failed tests: the test and what it found. */
function failedTest(lines: readonly string[]): Found | null {
  const collected = lines.findIndex((line) => /^ERROR \S+\.py\b/.test(line));
  const found =
    collected < 0 ? undefined : lines.slice(0, collected).findLast((line) => /^E {3}\S/.test(line));
  if (found !== undefined) return { rank: 3, text: found.slice(1).trim() };
  for (const [index, line] of lines.entries()) {
    const after = lines[index + 1]?.trim() ?? "";
    if (/^(FAILED|ERROR) \S+::/.test(line)) return { rank: 3, text: line };
    const go = /^\s*--- FAIL: (\S+)/.exec(line);
    if (go) return { rank: 3, text: joined(`${go[1]} failed:`, after) };
    const tap = /^\s*not ok \d+ - (.*)$/.exec(line);
    if (tap) return { rank: 3, text: joined(`${tap[1]} failed:`, tapError(lines.slice(index + 1))) };
  }
  return null;
}

function tapError(lines: readonly string[]): string {
  const line = lines.find((each) => /^\s*error: /.test(each)) ?? "";
  return line.replace(/^\s*error:\s*(?:\|-)?/, "").trim();
}

const errorName =
  /^(?:Uncaught |Unhandled )?(?:[A-Za-z_$][\w$]*[./:])*[A-Za-z_$]*(?:Error|Exception|Interrupt|Rejection|Exit|Warning as error)\b(?::|$| \[|\()/;
const javaThread = /^Exception in thread "[^"]*" (.*)$/;
const rustPanic = /\bpanicked at (?:'(.*)', )?\S+:\d+(?::\d+)?:?$/;
const goPanic = /^(?:panic: |fatal error: )(?!.*\.h:)/;
const assertion = /: Assertion [`'].*failed\.?$|^Assertion failed: /;
/** Said by whoever started the program that failed: it names no reason of its own. */
const wrapping =
  /^(?:subprocess\.)?CalledProcessError\b|^Error: Command failed\b|^RuntimeError: Error (?:building|compiling)\b/;

/** The last error that is named as one: a handled one before it is no reason. */
function namedError(lines: readonly string[]): Found | null {
  const isNamed = (line: string) =>
    (errorName.test(line) && !wrapping.test(line)) ||
    javaThread.test(line) ||
    rustPanic.test(line) ||
    goPanic.test(line) ||
    assertion.test(line);
  const index = lines.findLastIndex(isNamed);
  if (index < 0) return null;
  const line = lines[index] as string;
  const panic = rustPanic.exec(line);
  if (panic) return { rank: 3, text: panic[1] ?? joined(...panicWords(lines.slice(index + 1))) };
  const own = (javaThread.exec(line)?.[1] ?? line).trim();
  const after = lines.slice(index + 1);
  if (/^\w+$/.test(own)) return { rank: 3, text: own + statementOf(lines.slice(0, index)) };
  return { rank: 3, text: joined(own, ...continued(after)) + causeOf(after) };
}

/** `: assert x == 1`: the statement that Python shows above an error without words; "" where it shows none. */
function statementOf(before: readonly string[]): string {
  const line = before.findLast((each) => /[^\s^~]/.test(each)) ?? "";
  return /^ {4}\S/.test(line) ? `: ${line.trim()}` : "";
}

/** A panic's message stands below its place, with both sides of an assertion. */
function panicWords(after: readonly string[]): string[] {
  const [message = "", ...sides] = after;
  return [
    message.trim(),
    ...sides
      .slice(0, 2)
      .filter((line) => /^\s+(left|right): /.test(line))
      .map(trimmed),
  ];
}

/** Lines that belong to the message: what is indented and no frame of a stack, or what a colon announces. */
function continued(after: readonly string[]): string[] {
  const frame = /^\s*(?:at |File "|\.\.\. |\^|\||-->|❯|\d+: |\{|\}|\[)|^\s*[a-z]\w*: /i;
  const words: string[] = [];
  for (const line of after.slice(0, 2)) {
    if (!/^\s/.test(line) && !/^\S+ !== /.test(line)) break;
    if (frame.test(line)) break;
    words.push(line.trim());
  }
  return words;
}

/** ` (caused by ...)`: the innermost cause that Java or Node names; "" without one. */
function causeOf(after: readonly string[]): string {
  const cause = after.findLast((line) => /^\s*(?:Caused by: |\[cause\]: )/.test(line));
  return cause === undefined
    ? ""
    : ` (caused by ${cause.replace(/^\s*(?:Caused by: |\[cause\]: )/, "").replace(/ \{$/, "")})`;
}

const compilers = [
  // gcc, clang, javac, esbuild; a place, then what is wrong there.
  /^\S.*?:\d+(?::\d+)?: (?:fatal )?error: /,
  /^\S*(?:cc1?|clang|gcc|g\+\+|c\+\+|ld|javac|rustc|nvcc)\S*: (?:fatal )?error: /,
  // tsc
  /^\S.*\(\d+,\d+\): error \w+: /,
  // rustc with the number of the error
  /^error\[\w+\]: /,
  // go build
  /^\S+\.go:\d+:\d+: /,
  /: undefined reference to /,
];

/** A compiler's first error: the later ones follow from it. */
function compilerError(lines: readonly string[]): Found | null {
  const line = lines.find((each) => compilers.some((pattern) => pattern.test(each)));
  return line === undefined ? null : { rank: 2, text: line.trim() };
}

const failureWords =
  /^\s*(?:\S+ )?(?:error|fatal|fatal error|critical|err!)\b\s*[:\]-]|^(?:\S+: )+(?:\d+: )?.*(?:not found|No such file or directory|Permission denied|command not found|cannot open)\b|^(?:Segmentation fault|Bus error|Illegal instruction|Killed|Aborted)\b|\bcannot\b|\bcould not\b|\bunable to\b/i;
/** What only says that something failed, or what to do to learn more. */
const summary = [
  /^note: |^For more information about|^Node\.js v\d|^stack backtrace:|^\s*\d+: |^\s+at |^compilation terminated/,
  /^exit status \d+$|^\d+ errors?(?: generated\.?)?$|^make(?:\[\d+\])?: (?:\*\*\* \[|Entering|Leaving)|returned \d+ exit status$/,
  /^error: (?:could not compile|aborting due to|test failed|process didn't exit successfully|script ".*" exited)/,
  /^npm (?:ERR!|error)|ELIFECYCLE|^error Command failed with exit code|Lifecycle script|^info Visit /,
  /^=+ .* =+$|^\s*(?:Tests|Test Files|Start at|Duration|Snapshots)\s{2,}|^FAIL(?:\s|$)|^ok\s|^\s*\.\.\. \d+ more$/,
  /^[\s{}()[\]^~|⎯=*-]+$|^Traceback \(most recent call last\)|^ninja: build stopped|^BUILD FAILED/,
];
const says = (line: string) => !summary.some((pattern) => pattern.test(line));

/** The last line that speaks of an error. */
function wordsOfFailure(lines: readonly string[]): Found | null {
  const line = lines.findLast((each) => failureWords.test(each) && says(each));
  return line === undefined ? null : { rank: 1, text: line.trim() };
}

function lastWords(lines: readonly string[]): Found {
  return { rank: 0, text: (lines.findLast(says) ?? lines.at(-1) ?? "").trim() };
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(" ");
}

function trimmed(line: string): string {
  return line.trim();
}
