import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Interrupted } from "../src/errors.ts";
import { readLab } from "../src/lab/index.ts";
import { openTrying, type Trying } from "../src/loop/index.ts";
import { knobs } from "./support/knobs.ts";
import { program, repositoryAt, write } from "./support/lab.ts";

/** What stands in each file of the folder that no link may lead to. */
const sentinel = "SENTINEL-4711";

/** A link at every component of the paths in a workspace, and every operation that reads or writes there. */
describe.each([
  { where: "at the root", prefix: "", above: [] },
  { where: "in a sub-folder", prefix: "labs/one/", above: ["labs", "labs/one"] },
])("a workspace of a lab $where", ({ prefix, above }) => {
  let root: string;
  let lab: string;
  let workspace: string;
  let elsewhere: string;
  let trying: Trying;
  let before: string;
  let count = 0;

  const own = ["src", "src/deep", "src/deep/a.txt", "knobs.json", "score.pl", "data", "data/train", "build"];
  const components = [".", ...above, ...own.map((path) => prefix + path)];
  const open = async () => openTrying(await readLab(lab), { probe: false });
  const at = (path: string) => join(workspace, path);

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), "whet gäte-"));
    const files = knobs("", { "src/deep/a.txt": "a\n", "answers.json": "41\n" });
    files["program.md"] = program(
      [
        "metric: loss\ndirection: minimize\nchange: [knobs.json, 'src/**']\nrun: 'true'\nbudget: 10s",
        "score: { command: perl score.pl, private: [answers.json] }\ninputs: [data/train]",
      ].join("\n"),
    );
    const repository = join(root, "repository");
    repositoryAt(repository, {
      ".gitignore": "data/\nbuild/\n.whetstone/\n",
      ...Object.fromEntries(Object.entries(files).map(([path, text]) => [prefix + path, text])),
    });
    write(repository, { [`${prefix}data/train/x`]: "precious\n" });
    lab = join(repository, prefix);
    workspace = join(lab, ".whetstone", "workspace");
    elsewhere = join(root, "elsewhere");
    // The same names as in the workspace, so that whatever follows a link finds there what it looks for.
    const names = ["src/deep/a.txt", "knobs.json", "score.pl", "data/train/x", "build/x", "program.md"];
    write(elsewhere, Object.fromEntries(names.map((path) => [prefix + path, `${sentinel}\n`])));
    before = look(elsewhere);
    trying = await open();
    edit(2);
    expect(await tried()).toMatchObject({ kind: "decided", outcome: { decision: "keep" } });
    edit();
    expect(await tried()).toMatchObject({ kind: "decided", outcome: { number: 2, decision: "discard" } });
  });
  afterAll(async () => {
    await trying.close();
    rmSync(root, { recursive: true, force: true });
  });

  /** Another edit each time; all but the first are worse, so that the best state stays. */
  const edit = (a = 1 - count / 1000) => {
    count++;
    writeFileSync(at(`${prefix}knobs.json`), `${JSON.stringify({ a, b: 1, c: 1 }, null, 2)}\n`);
  };
  const tried = (signal?: AbortSignal) =>
    trying.try({ what: `edit ${count}`, mechanism: "x" }, signal ? { signal } : {});

  /** Puts a link in the place of a component, and files that are not allowed beside it. */
  const plant = (component: string) => {
    mkdirSync(dirname(at(component)), { recursive: true });
    if (component === ".") rmSync(workspace, { recursive: true });
    else {
      write(workspace, { "not-allowed.txt": `not allowed ${count}\n`, [`${prefix}src.txt`]: "x\n" });
      if (lstatSync(at(component), { throwIfNoEntry: false }))
        renameSync(at(component), at(`${component}.moved`));
    }
    symlinkSync(join(elsewhere, component), component === "." ? workspace : at(component));
  };

  /** Nothing of the folder was changed, nor does any of it stand where Whetstone writes. */
  const unharmed = (answer: unknown) => {
    expect(look(elsewhere)).toBe(before);
    expect(JSON.stringify(answer) ?? "").not.toContain(sentinel);
    for (const file of filesBelow(join(lab, ".whetstone")))
      expect(`${file} ${readFileSync(file, "latin1").includes(sentinel)}`).toBe(`${file} false`);
    expect(readFileSync(join(lab, "data/train/x"), "utf8")).toBe("precious\n");
  };

  /** The only link that is left is the one that Whetstone made. */
  const inOrder = async () => {
    await trying.reset();
    const links = entriesBelow(workspace).filter((path) => lstatSync(path).isSymbolicLink());
    expect(links).toEqual([at(`${prefix}data/train`)]);
    expect(readlinkSync(at(`${prefix}data/train`))).toBe(join(lab, "data/train"));
    expect(readFileSync(at(`${prefix}src/deep/a.txt`), "utf8")).toBe("a\n");
    expect(existsSync(at("not-allowed.txt"))).toBe(false);
  };

  const operations: Record<string, (component: string) => Promise<unknown>> = {
    try: async (component) => {
      edit();
      plant(component);
      const answer = await tried();
      if (component !== `${prefix}build` && component !== `${prefix}data/train`)
        expect(answer).toMatchObject({ kind: "decided", outcome: { decision: "invalid" } });
      return answer;
    },
    "try that goes on after an interruption": async (component) => {
      edit();
      const stop = new AbortController();
      const begun = trying.try(
        { what: `edit ${count}`, mechanism: "x" },
        { signal: stop.signal, listener: ({ type }) => type === "phase" && stop.abort() },
      );
      await expect(begun).rejects.toBeInstanceOf(Interrupted);
      plant(component);
      return tried();
    },
    start: async (component) => {
      edit();
      plant(component);
      return trying.reset();
    },
    "start --from": async (component) => {
      plant(component);
      const answer = await trying.reset(2);
      expect(JSON.parse(readFileSync(at(`${prefix}knobs.json`), "utf8"))).toMatchObject({ a: 0.999 });
      return answer;
    },
    "close, and the next start": async (component) => {
      plant(component);
      await trying.close();
      trying = await open();
      return trying.reset();
    },
    standing: async (component) => {
      plant(component);
      return trying.standing();
    },
  };

  it.each(Object.keys(operations))(
    "has no link followed by %s, at whatever component it lies",
    { timeout: 240_000 },
    async (name) => {
      for (const component of components) {
        const answer = await (operations[name] as (component: string) => Promise<unknown>)(component);
        unharmed(answer);
        await inOrder();
        unharmed(null);
      }
    },
  );

  it("has no link followed by an audit", { timeout: 240_000 }, async () => {
    for (const component of [".", `${prefix}src`, `${prefix}data`]) {
      plant(component);
      unharmed(await trying.audit(2));
      await inOrder();
    }
  });

  it("keeps what was set aside as copies, and says what was too large", { timeout: 120_000 }, async () => {
    edit();
    write(workspace, { "small.txt": "small\n" });
    writeFileSync(at("large.bin"), Buffer.alloc(64 * 2 ** 20 + 1));
    const answer = await tried();
    expect(answer).toMatchObject({ kind: "decided", outcome: { decision: "invalid" } });
    const aside = answer.kind === "decided" ? (answer.outcome.setAside as string) : "";
    expect(readFileSync(join(aside, "small.txt"), "utf8")).toBe("small\n");
    expect(existsSync(join(aside, "large.bin"))).toBe(false);
    expect(readFileSync(join(aside, "not-copied.txt"), "utf8")).toContain("large.bin");
    await inOrder();
  });
});

/** Links are named and not followed. */
function entriesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => name !== ".git")
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? [path, ...entriesBelow(path)] : [path];
    })
    .sort();
}

function filesBelow(folder: string): string[] {
  return entriesBelow(folder).filter((path) => lstatSync(path).isFile());
}

/** Everything that a change in a folder would show in. */
function look(folder: string): string {
  return entriesBelow(folder)
    .map((path) => {
      const { ino, mode, mtimeMs, ctimeMs } = lstatSync(path);
      const text = lstatSync(path).isFile() ? readFileSync(path, "utf8") : "";
      return JSON.stringify([path, ino, mode, mtimeMs, ctimeMs, text]);
    })
    .join("\n");
}
