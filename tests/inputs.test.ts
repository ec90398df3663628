import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { status } from "./support/knobs.ts";
import { git, program, repository, whet, write } from "./support/lab.ts";

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
  inputs: { bytes: number; files: number; readFiles: number } | null;
  isolation: { level: string };
  baseline: { mean: number };
  warnings: string[];
}

async function checked(folder: string, ...args: string[]): Promise<Checked> {
  const { code, stdout, stderr } = await whet(folder, "check", "--json", ...args);
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

describe("what a commit only points to", () => {
  const content = "x".repeat(300);
  const oid = createHash("sha256").update(content).digest("hex");
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize 300\n`;

  it("is laid out where this clone has the content of a Git LFS file, and named where it has not", async () => {
    const folder = lab('echo "m: $(wc -c < big.bin)"', "[data]", { "big.bin": pointer });
    write(folder, { "data/x": "" });
    const without = await checked(folder);
    expect(without.baseline.mean).toBe(pointer.length);
    expect(without.warnings.join()).toMatch(/big\.bin is a file of Git LFS.*`git lfs pull`/);
    write(folder, { [`.git/lfs/objects/${oid.slice(0, 2)}/${oid.slice(2, 4)}/${oid}`]: "another content" });
    expect((await checked(folder, "--fresh")).warnings.join()).toMatch(/git lfs pull/);
    write(folder, { [`.git/lfs/objects/${oid.slice(0, 2)}/${oid.slice(2, 4)}/${oid}`]: content });
    const whole = await checked(folder, "--fresh");
    expect(whole.baseline.mean).toBe(300);
    expect(whole.warnings.join()).not.toMatch(/LFS/);
  });

  it("is laid out where a submodule is checked out, as its commit has it, and named where it is not", async () => {
    const other = repository({ "lib.txt": "6", "more.txt": "" });
    const folder = lab('echo "m: $(cat vendor/sub/lib.txt || echo 0)"', "[data]");
    write(folder, { "data/x": "" });
    git(folder, "-c", "protocol.file.allow=always", "submodule", "add", "-q", other, "vendor/sub");
    git(folder, "commit", "-qm", "with a submodule");
    write(folder, { "vendor/sub/lib.txt": "not committed" });
    const whole = await checked(folder);
    expect(whole.baseline.mean).toBe(6);
    git(folder, "submodule", "deinit", "-q", "-f", "vendor/sub");
    const without = await checked(folder, "--fresh");
    expect(without.baseline.mean).toBe(0);
    expect(without.warnings.join()).toMatch(/vendor\/sub is a submodule.*`git submodule update --init/);
  });

  it("is not hidden by a sparse checkout, and an input that is committed anyway is said to be", async () => {
    const folder = lab('echo "m: $(cat other/a.txt)"', "[other]", { "other/a.txt": "3", "docs/x": "" });
    git(folder, "sparse-checkout", "set", "docs");
    const { baseline, warnings } = await checked(folder);
    expect(baseline.mean).toBe(3);
    expect(warnings.join()).toMatch(/the input other is committed, so naming it changes nothing/);
  });
});

describe("a session whose inputs", () => {
  it("have links that lead to nothing that runs see is told so, and what was read is not read again", async () => {
    const far = elsewhere({ "blobs/1": "one", "snapshots/.keep": "" });
    symlinkSync("../blobs/1", join(far, "snapshots/a"));
    const folder = lab('echo "m: 1"', `["${far}/snapshots"]`);
    expect((await checked(folder)).warnings.join()).toMatch(/links that lead out of it.*: a -> /);
    const whole = lab(`echo "m: $(wc -c < ${far}/snapshots/a)"`, `["${far}"]`);
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    const first = await checked(whole);
    expect(first.baseline.mean).toBe(3);
    expect(first.warnings.join()).not.toMatch(/links/);
    expect(first.inputs).toMatchObject({ files: 3, readFiles: 3 });
    expect((await checked(whole)).inputs).toMatchObject({ files: 3, readFiles: 0 });
  });

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
