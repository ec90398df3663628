import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";

const root = join(import.meta.dirname, "..", "..");

/** A git repository with these files committed, gone after the test. Its path has a space and an umlaut. */
export function repository(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "whet tëst-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return repositoryAt(folder, files);
}

/** The same in a folder of the caller's, for tests that run side by side. */
export function repositoryAt(folder: string, files: Record<string, string>): string {
  write(folder, files);
  git(folder, "init", "-q", "-b", "main");
  git(folder, "add", "-A");
  git(folder, "commit", "-q", "--allow-empty", "-m", "start");
  return folder;
}

export function write(folder: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

export function git(folder: string, ...args: string[]): string {
  return execFileSync("git", ["-c", "user.name=Test", "-c", "user.email=test@localhost", ...args], {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
}

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The real command line, as a user starts it. */
export function whet(folder: string, ...args: string[]): Promise<Finished> {
  return start(folder, ...args).finished;
}

/** The same typed in a terminal; everything it says comes as standard output. */
export function typed(folder: string, ...args: string[]): Promise<Finished> {
  const quoted = [process.execPath, join(root, "bin", "whet.cjs"), ...args]
    .map((word) => `'${word}'`)
    .join(" ");
  return new Promise((resolve) => {
    const child = spawn("script", ["-qefc", quoted, "/dev/null"], {
      cwd: folder,
      stdio: ["pipe", "pipe", "ignore"],
      env: { ...process.env, NO_COLOR: "1" },
    });
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.on("close", (code) => resolve({ code, stdout, stderr: "" }));
  });
}

export function start(folder: string, ...args: string[]) {
  return startWith({}, folder, ...args);
}

/** The same with more in its environment. */
export function startWith(env: Record<string, string>, folder: string, ...args: string[]) {
  const child = spawn(process.execPath, [join(root, "bin", "whet.cjs"), ...args], {
    cwd: folder,
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1", npm_command: "", ...env },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const finished = new Promise<Finished>((resolve) => {
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
  return { child, finished, output: () => stdout, errors: () => stderr };
}

/**
 * A fast lab with a knob, a known optimum and Gaussian noise that depends on the seed alone. What measures is in Perl,
 * which starts in a tenth of Node's time; a test that brings a `train.mjs` has it run by Node.
 */
export function noisyLab(
  more: { program?: string; files?: Record<string, string> } = {},
): Record<string, string> {
  const own = more.files !== undefined && "train.mjs" in more.files;
  return {
    ...(own ? {} : { "train.mjs": "export const RATE = 1;\nexport const OTHER = 5; // 1 .. 10\n" }),
    ...(own ? {} : { "measure.pl": noisyMeasure }),
    "program.md": program(
      `metric: loss\ndirection: minimize\nchange: [train.mjs]\nrun: ${own ? "node train.mjs" : "perl measure.pl"}\nbudget: 10s\n${more.program ?? ""}`,
    ),
    ...more.files,
  };
}

const noisyMeasure = [
  "use strict;",
  'open(my $file, "<", "train.mjs") or die "no train.mjs: $!";',
  'my ($rate) = join("", <$file>) =~ /RATE = (-?[\\d.]+(?:e[-+]?\\d+)?)/ or die "no RATE";',
  "my $s = $ENV{SEED} % 2**32;",
  "sub r { return (($s = ($s * 1664525 + 1013904223) % 2**32) + 1) / 4294967297 }",
  "r(); r();",
  "my $n = sqrt(-2 * log(r())) * cos(8 * atan2(1, 1) * r());",
  'printf("loss: %.15g\\n", 10 + log($rate / 8) ** 2 + 0.05 * $n);',
  "",
].join("\n");

/** The same where what may be changed is what runs: a candidate can print whatever it likes. */
export function noisyProgram(): Record<string, string> {
  return noisyLab({
    files: {
      "train.mjs": [
        "const RATE = 1;",
        "const OTHER = 5; // 1 .. 10",
        "let s = Number(process.env.SEED) >>> 0;",
        "const r = () => ((s = (Math.imul(s, 1664525) + 1013904223) >>> 0) + 1) / 4294967297;",
        "r(); r();",
        "const n = Math.sqrt(-2 * Math.log(r())) * Math.cos(2 * Math.PI * r());",
        "console.log(`loss: ${10 + Math.log(RATE / 8) ** 2 + 0.05 * n}`);",
        "",
      ].join("\n"),
    },
  });
}

export function program(frontMatter: string): string {
  return `---\n${frontMatter.trim()}\n---\n# A lab\n`;
}
