import { mkdtempSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { status } from "./support/knobs.ts";
import { program, repository, whet, write } from "./support/lab.ts";

/** A folder outside every repository, gone after the test. */
function elsewhere(files: Record<string, string>, below = tmpdir()): string {
  const folder = mkdtempSync(join(below, "whet-elsewhere-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  write(folder, files);
  return folder;
}

/** A lab whose metric is what a shell command prints. */
function lab(command: string, inputs: string, files: Record<string, string> = {}): string {
  return repository({
    ".gitignore": "data/\n",
    "knob.txt": "1\n",
    "run.sh": `${command}\n`,
    "program.md": program(
      `metric: m\ndirection: minimize\nchange: [knob.txt]\nrun: sh run.sh\nbudget: 10s\ninputs: ${inputs}`,
    ),
    ...files,
  });
}

interface Checked {
  isolation: { level: string };
  baseline: { mean: number };
  warnings: string[];
}

async function checked(folder: string): Promise<Checked> {
  const { code, stdout, stderr } = await whet(folder, "check", "--json");
  expect(stderr.includes("whet:") ? stderr : "", "what check complains of").toBe("");
  expect(code).toBe(0);
  return JSON.parse(stdout) as Checked;
}

describe("inputs from anywhere", () => {
  it("are shown at their own path, read-only, without what is excluded", async () => {
    const far = elsewhere({ "a.txt": "7", "raw/secret.txt": "no", "notes.tmp": "no" });
    const folder = lab(
      [
        "m=5",
        `test "$(cat ${far}/a.txt)" = 7 || m=1000`,
        `test -e ${far}/raw/secret.txt && m=2000`,
        `test -s ${far}/notes.tmp && m=3000`,
        `(echo x > ${far}/a.txt) 2>/dev/null && m=4000`,
        'echo "m: $m"',
      ].join("\n"),
      `["${far}", "!${far}/raw", "!${far}/*.tmp"]`,
    );
    const { isolation, baseline } = await checked(folder);
    // Without isolation everything is seen, and nothing else is claimed.
    if (isolation.level === "L2") expect(baseline.mean).toBe(5);
  });

  it("of the home folder are found below HOME as well, which stays writable", async () => {
    const own = elsewhere({ "data/x": "4" }, homedir());
    const name = own.slice(homedir().length + 1);
    const folder = lab(
      `echo made > "$HOME/made" && echo "m: $(cat "$HOME/${name}/data/x")$(cat ${own}/data/x)"`,
      `["~/${name}"]`,
    );
    expect((await checked(folder)).baseline.mean).toBe(44);
  });

  it("that are missing are told with file, line and column before anything is measured", async () => {
    const folder = lab('echo "m: 1"', "[data, ~/.cache/whet-none]");
    write(folder, { "data/x": "" });
    const { code, stderr } = await whet(folder, "run", "--experiments", "1");
    expect(code).toBe(2);
    expect(stderr).toMatch(/program\.md:\d+:\d+: .*~\/\.cache\/whet-none does not exist/);
  });

  it("of which git knows a part are the rest of it", async () => {
    const folder = lab('echo "m: $(cat data/known)$(cat data/more/unknown)"', "[data]", {
      ".gitignore": "data/more\n",
      "data/known": "1",
    });
    write(folder, { "data/more/unknown": "2" });
    expect((await checked(folder)).baseline.mean).toBe(12);
  });
});

describe("a session whose inputs", () => {
  it("change says which files did", async () => {
    const folder = lab('echo "m: 1"', "[data]");
    write(folder, { "data/a": "1", "data/b": "2" });
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    await checked(folder);
    write(folder, { "data/b": "3" });
    const { code, stderr } = await whet(folder, "run", "--experiments", "1", "--no-probe", "--audit", "0");
    expect(code).toBe(2);
    expect(stderr).toMatch(/has changed since it began: input data: b/);
  });

  it("get caches beside them goes on, and its runs do not see them", async () => {
    const folder = lab(
      'test -e data/p/__pycache__/new.pyc && echo "m: 1000" || echo "m: $(cat knob.txt)"',
      '[data]\nresearcher: "command: echo 0 > knob.txt"',
    );
    write(folder, { "data/p/a.py": "", "data/p/__pycache__/a.pyc": "old" });
    const { isolation } = await checked(folder);
    write(folder, { "data/p/__pycache__/new.pyc": "new", "data/.DS_Store": "", "data/.pytest_cache/x": "" });
    const ran = await whet(folder, "run", "--experiments", "1", "--no-probe", "--audit", "0");
    expect(`${ran.code} ${ran.stderr}`).toMatch(/^0/);
    if (isolation.level === "L2") expect((await status(folder)).best.value).toBe(0);
  });
});
