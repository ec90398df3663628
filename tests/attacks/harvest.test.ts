import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { checkoutBase, harvestChanges, manifest, openRepo, recordKeep } from "../../src/repo/index.ts";
import { git, repository, write } from "../support/lab.ts";

const secret = "the answers that nobody may see";
const globs = ["src/**"];
const lab = {
  "src/model.ts": "export const rate = 1;\n",
  "src/deep/part.ts": "export const part = 1;\n",
  "score.mjs": "console.log('score: 1');\n",
  "program.md": "pinned\n",
  "tool.sh": "#!/bin/sh\n",
};
/** Written in every copy beside the attack: it must come through, or nothing was shown. */
const honest = { path: "src/honest.ts", text: "export const rate = 2;\n" };

interface Planted {
  /** The researcher's working copy. */
  copy: string;
  /** A folder that the researcher can name but must not bring anything from. */
  outside: string;
  /** Written by whatever gets executed. */
  ran: string;
}

interface HarvestAttack {
  name: string;
  plant: (planted: Planted) => unknown;
  /** Violations that it must leave: `path kind`, exactly. */
  violations: (string | RegExp)[];
  /** Changes that are real beside the honest one. */
  changes?: Record<string, string | null>;
  needsRoot?: true;
}

const shellNames = ["$(touch ran).ts", "`touch ran`.ts", "; touch ran #.ts", "-rf", "--exec=sh", "a b'\".ts"];

const attacks: HarvestAttack[] = [
  {
    name: "a link to a file outside",
    plant: ({ copy, outside }) => symlinkSync(join(outside, "secret"), join(copy, "src", "x.ts")),
    violations: ["src/x.ts link"],
  },
  {
    name: "an editable file exchanged for a link to the scorer",
    plant: ({ copy }) => {
      rmSync(join(copy, "src", "model.ts"));
      symlinkSync("../score.mjs", join(copy, "src", "model.ts"));
    },
    violations: ["src/model.ts link"],
  },
  {
    name: "a folder that is a link to a folder outside",
    plant: ({ copy, outside }) => symlinkSync(outside, join(copy, "src", "more")),
    violations: ["src/more link"],
  },
  {
    name: "the folder of an editable file exchanged for a link",
    plant: ({ copy, outside }) => {
      rmSync(join(copy, "src", "deep"), { recursive: true });
      write(outside, { "part.ts": secret });
      symlinkSync(outside, join(copy, "src", "deep"));
    },
    violations: ["src/deep link"],
    changes: { "src/deep/part.ts": null },
  },
  {
    name: "a link into /proc",
    plant: ({ copy }) => symlinkSync("/proc/self/environ", join(copy, "src", "environ.ts")),
    violations: ["src/environ.ts link"],
  },
  {
    name: "a circle of links",
    plant: ({ copy }) => {
      symlinkSync("b.ts", join(copy, "src", "a.ts"));
      symlinkSync("a.ts", join(copy, "src", "b.ts"));
      symlinkSync(".", join(copy, "src", "again"));
    },
    violations: ["src/a.ts link", "src/again link", "src/b.ts link"],
  },
  {
    name: "a hard link to a file outside",
    plant: ({ copy, outside }) => linkSync(join(outside, "secret"), join(copy, "src", "x.ts")),
    violations: ["src/x.ts hard link"],
  },
  {
    name: "a hard link to the scorer, edited through the link",
    plant: ({ copy }) => {
      linkSync(join(copy, "score.mjs"), join(copy, "src", "x.ts"));
      writeFileSync(join(copy, "src", "x.ts"), "console.log('score: 9');\n");
    },
    violations: ["score.mjs forbidden", "src/x.ts hard link"],
  },
  {
    name: "a FIFO that nobody writes to",
    plant: ({ copy }) => execFileSync("mkfifo", [join(copy, "src", "pipe.ts")]),
    violations: ["src/pipe.ts special file"],
  },
  {
    name: "an editable file exchanged for a FIFO",
    plant: ({ copy }) => {
      rmSync(join(copy, "src", "model.ts"));
      execFileSync("mkfifo", [join(copy, "src", "model.ts")]);
    },
    violations: ["src/model.ts special file"],
  },
  {
    name: "a protected file exchanged for a FIFO",
    plant: ({ copy }) => {
      rmSync(join(copy, "score.mjs"));
      execFileSync("mkfifo", [join(copy, "score.mjs")]);
    },
    violations: ["score.mjs forbidden"],
  },
  {
    name: "a socket",
    plant: async ({ copy }) => {
      const server = createServer().listen(join(copy, "src", "s.ts"));
      await new Promise((resolve) => server.once("listening", resolve));
      onTestFinished(() => void server.close());
    },
    violations: ["src/s.ts special file"],
  },
  {
    name: "device nodes that never end",
    plant: ({ copy }) => {
      execFileSync("mknod", [join(copy, "src", "zero.ts"), "c", "1", "5"]);
      execFileSync("mknod", [join(copy, "src", "disk.ts"), "b", "7", "0"]);
    },
    violations: ["src/disk.ts special file", "src/zero.ts special file"],
    needsRoot: true,
  },
  {
    name: "a sparse file of 1 TB",
    plant: ({ copy }) => {
      writeFileSync(join(copy, "src", "huge.ts"), "");
      truncateSync(join(copy, "src", "huge.ts"), 2 ** 40);
    },
    violations: ["src/huge.ts too large"],
  },
  {
    name: "a protected file made 1 TB long",
    plant: ({ copy }) => truncateSync(join(copy, "score.mjs"), 2 ** 40),
    violations: ["score.mjs forbidden"],
  },
  {
    name: "a real file of 3 MB",
    plant: ({ copy }) => writeFileSync(join(copy, "src", "big.ts"), "x".repeat(3e6)),
    violations: ["src/big.ts too large"],
  },
  {
    name: "names with a newline, a tab, an escape sequence and a backslash",
    plant: ({ copy }) => {
      for (const name of ["a\nb.ts", "a\tb.ts", "\u001b[2Jx.ts", "a\\..\\..\\score.mjs"])
        writeFileSync(join(copy, "src", name), "x");
    },
    violations: [
      "src/\u001b[2Jx.ts path",
      "src/a\tb.ts path",
      "src/a\nb.ts forbidden",
      "src/a\\..\\..\\score.mjs path",
    ],
  },
  {
    name: "names that a shell would execute",
    plant: ({ copy }) => {
      for (const name of shellNames) writeFileSync(join(copy, "src", name), "x");
    },
    // Such names are ugly and harmless: nobody hands them to a shell.
    violations: [],
    changes: Object.fromEntries(shellNames.map((name) => [`src/${name}`, "x"])),
  },
  {
    name: "a name in two Unicode normal forms",
    plant: ({ copy }) => {
      writeFileSync(join(copy, "src", "\u00e4.ts"), "composed");
      writeFileSync(join(copy, "src", "a\u0308.ts"), "decomposed");
    },
    violations: ["src/a\u0308.ts path"],
    changes: { "src/\u00e4.ts": "composed" },
  },
  {
    name: "names that differ only in case, of files and of folders",
    plant: ({ copy }) => write(copy, { "src/MODEL.ts": "upper", "src/Deep/part.ts": "upper" }),
    violations: ["src/Deep/part.ts path", "src/MODEL.ts path"],
  },
  {
    name: "names that are no UTF-8",
    plant: ({ copy }) => {
      const folder = Buffer.from(join(copy, "src"));
      writeFileSync(Buffer.concat([folder, Buffer.from([0x2f, 0xff, 0xfe, 0x2e])]), "x");
    },
    violations: [/^src\/\ufffd+\. unreadable$/],
  },
  {
    name: "content that is no UTF-8",
    plant: ({ copy }) => writeFileSync(join(copy, "src", "x.ts"), Buffer.from([0x78, 0xff, 0x00])),
    violations: ["src/x.ts not text"],
  },
  {
    name: "spellings of .git below the globs",
    plant: ({ copy }) =>
      write(copy, {
        "src/.GIT/config": "x",
        "src/git~1/config": "x",
        "src/.git./hooks/post-checkout": "x",
        "src/.g\u200cit/config": "x",
        "src/.git/config": "x",
      }),
    violations: [
      "src/.GIT/config forbidden",
      "src/.git./hooks/post-checkout forbidden",
      "src/.git/config forbidden",
      "src/.g\u200cit/config forbidden",
      "src/git~1/config path",
    ],
  },
  {
    name: "a repository of its own with hooks, a file-system monitor, filters and hidden changes",
    plant: ({ copy, ran }) => {
      git(copy, "init", "-q", "-b", "main");
      git(copy, "add", "-A");
      git(copy, "commit", "-q", "-m", "start");
      git(copy, "update-index", "--skip-worktree", "score.mjs");
      git(copy, "update-index", "--assume-unchanged", "program.md");
      const run = `touch '${ran}'`;
      for (const hook of ["post-checkout", "pre-commit", "post-index-change", "reference-transaction"]) {
        write(copy, { [`.git/hooks/${hook}`]: `#!/bin/sh\n${run}\n` });
        chmodSync(join(copy, ".git", "hooks", hook), 0o755);
      }
      write(copy, { ".gitattributes": "* filter=evil\n" });
      for (const [key, value] of [
        ["core.fsmonitor", run],
        ["core.hooksPath", ".git/hooks"],
        ["core.sshCommand", run],
        ["filter.evil.clean", `${run}; cat`],
        ["filter.evil.smudge", `${run}; cat`],
        ["filter.evil.process", run],
        ["diff.external", run],
      ] as const)
        git(copy, "config", key, value);
      write(copy, { ".git/info/exclude": "*\n" });
      rmSync(ran, { force: true });
      writeFileSync(join(copy, "score.mjs"), "console.log('score: 9');\n");
      writeFileSync(join(copy, "program.md"), "unpinn\n");
    },
    violations: [
      /^\.git\/.* forbidden$/,
      ".gitattributes forbidden",
      "program.md forbidden",
      "score.mjs forbidden",
    ],
  },
  {
    name: "a .git file that points to a repository elsewhere",
    plant: ({ copy, outside }) => writeFileSync(join(copy, ".git"), `gitdir: ${outside}\n`),
    violations: [".git forbidden"],
  },
  {
    name: "a protected file rewritten at the same length with its times put back",
    plant: ({ copy }) => {
      const time = new Date(1_700_000_000_000);
      utimesSync(join(copy, "score.mjs"), time, time);
      writeFileSync(join(copy, "score.mjs"), "console.log('score: 9');\n");
      utimesSync(join(copy, "score.mjs"), time, time);
    },
    violations: ["score.mjs forbidden"],
  },
  {
    name: "a protected file exchanged for a link to a copy of itself",
    plant: ({ copy, outside }) => {
      renameSync(join(copy, "score.mjs"), join(outside, "score.mjs"));
      symlinkSync(join(outside, "score.mjs"), join(copy, "score.mjs"));
    },
    violations: ["score.mjs forbidden"],
  },
  {
    name: "a protected file made executable, another deleted",
    plant: ({ copy }) => {
      chmodSync(join(copy, "tool.sh"), 0o755);
      rmSync(join(copy, "program.md"));
    },
    violations: ["program.md forbidden", "tool.sh forbidden"],
  },
  {
    name: "files that tools pick up by themselves",
    plant: ({ copy }) =>
      write(copy, {
        ".npmrc": "node-options=--import ./src/x.mjs\n",
        "conftest.py": "",
        "sitecustomize.py": "",
        "package.json": '{"type":"module"}',
        ".env": "NODE_OPTIONS=--import=./src/x.mjs",
      }),
    violations: [".env", ".npmrc", "conftest.py", "package.json", "sitecustomize.py"].map(
      (path) => `${path} forbidden`,
    ),
  },
  {
    name: "packages in a node_modules of its own",
    plant: ({ copy }) =>
      write(copy, { "src/node_modules/fs/index.js": "x", "node_modules/fs/index.js": "x" }),
    // Tools lay such folders down: they are left where they are, and no part of any state.
    violations: [],
  },
  {
    name: "a file that is now a folder, and a folder that is now a file",
    plant: ({ copy }) => {
      rmSync(join(copy, "src", "model.ts"));
      rmSync(join(copy, "src", "deep"), { recursive: true });
      write(copy, { "src/model.ts/inner.ts": "inner", "src/deep": "file" });
    },
    violations: [],
    changes: {
      "src/model.ts": null,
      "src/model.ts/inner.ts": "inner",
      "src/deep": "file",
      "src/deep/part.ts": null,
    },
  },
  {
    name: "folders nested beyond the longest path that the system opens",
    plant: ({ copy }) => {
      const deeper =
        'const { mkdirSync, writeFileSync } = require("node:fs"); process.chdir(process.argv[1]);' +
        'for (let i = 0; i < 25; i++) { mkdirSync("n".repeat(200)); process.chdir("n".repeat(200)); }' +
        'writeFileSync("deep.ts", "x");';
      execFileSync(process.execPath, ["-e", deeper, join(copy, "src")]);
    },
    violations: [/^src\/n{200}.* (unreadable|path)$/],
  },
];

const isRoot = process.getuid?.() === 0;

function workingCopy(): Planted {
  const root = mkdtempSync(join(tmpdir(), "whet-hostile-"));
  onTestFinished(() => execFileSync("rm", ["-rf", root]) && undefined);
  const copy = join(root, "copy");
  const outside = join(root, "outside");
  write(copy, lab);
  write(outside, { secret });
  return { copy, outside, ran: join(root, "ran") };
}

describe("a hostile researcher's working copy", () => {
  for (const attack of attacks)
    it.skipIf(attack.needsRoot && !isRoot)(`gains nothing by ${attack.name}`, async () => {
      const planted = workingCopy();
      const base = await manifest(planted.copy);
      await attack.plant(planted);
      write(planted.copy, { [honest.path]: honest.text });

      const before = performance.now();
      const { changes, violations } = await harvestChanges(planted.copy, base, globs);
      expect(performance.now() - before).toBeLessThan(60_000);

      expect(changes[honest.path]).toBe(honest.text);
      expect(JSON.stringify(changes)).not.toContain(secret);
      expect(existsSync(planted.ran)).toBe(false);
      const found = violations.map(({ path, kind }) => `${path} ${kind}`).sort();
      for (const expected of attack.violations)
        expect(found).toContainEqual(
          typeof expected === "string" ? expected : expect.stringMatching(expected),
        );
      for (const each of found)
        expect(
          attack.violations.some((expected) =>
            typeof expected === "string" ? expected === each : expected.test(each),
          ),
          `unexpected violation: ${each}`,
        ).toBe(true);
      if (attack.changes) expect(changes).toEqual({ [honest.path]: honest.text, ...attack.changes });
      for (const path of Object.keys(changes)) expect(path.startsWith("src/")).toBe(true);
    });

  it("shows nothing of what a link leads to while files and folders are exchanged under the harvest", async () => {
    const { copy, outside } = workingCopy();
    write(outside, { "part.ts": secret, "model.ts": secret });
    const base = await manifest(copy);
    write(copy, { [honest.path]: honest.text });
    const exchanger = spawn(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `import { renameSync, symlinkSync, unlinkSync } from "node:fs";
        const [src, outside] = process.argv.slice(1);
        for (;;) {
          renameSync(src + "/deep", src + "/../kept");
          symlinkSync(outside, src + "/deep");
          unlinkSync(src + "/deep");
          renameSync(src + "/../kept", src + "/deep");
          symlinkSync(outside + "/model.ts", src + "/../link");
          renameSync(src + "/model.ts", src + "/../file");
          renameSync(src + "/../link", src + "/model.ts");
          renameSync(src + "/../file", src + "/model.ts");
        }`,
        join(copy, "src"),
        outside,
      ],
      { stdio: "ignore" },
    );
    const ended = new Promise((resolve) => exchanger.once("exit", resolve));
    let looks = 0;
    let refused = 0;
    try {
      const enough = performance.now() + 1000;
      const longest = enough + 120_000;
      const goesOn = () => performance.now() < (refused > 0 && looks > 20 ? enough : longest);
      for (; goesOn(); looks++) {
        const { changes, violations } = await harvestChanges(copy, base, globs);
        expect(changes[honest.path]).toBe(honest.text);
        expect(JSON.stringify(changes)).not.toContain(secret);
        if (violations.length > 0) refused++;
      }
      expect(exchanger.exitCode).toBe(null);
    } finally {
      exchanger.kill("SIGKILL");
      await ended;
    }
    // Without a hit the race was not run.
    expect(looks).toBeGreaterThan(20);
    expect(refused).toBeGreaterThan(0);
  });

  it("is not stalled by 100,000 files", async () => {
    const { copy } = workingCopy();
    const base = await manifest(copy);
    write(copy, { "src/A.ts": honest.text });
    execFileSync("sh", [
      "-c",
      'mkdir "$1/src/flood" && cd "$1/src/flood" && seq -f "f%g.ts" 100000 | xargs touch',
      "sh",
      copy,
    ]);
    const before = performance.now();
    const { changes, violations } = await harvestChanges(copy, base, globs);
    expect(performance.now() - before).toBeLessThan(100_000);
    expect(changes["src/A.ts"]).toBe(honest.text);
    expect(Object.keys(changes).length).toBeLessThanOrEqual(500);
    expect(violations.some(({ kind }) => kind === "too many")).toBe(true);
    expect(violations.length).toBeLessThan(2000);
  });

  it("reaches neither the repository's index, hooks, filters nor attributes when a change is kept", async () => {
    const folder = repository({ ...lab, ".gitattributes": "*.ts filter=evil text eol=crlf\n" });
    const ran = join(folder, "..", `ran-${Math.random()}`);
    git(folder, "update-index", "--skip-worktree", "score.mjs");
    for (const key of ["clean", "smudge"]) git(folder, "config", `filter.evil.${key}`, `touch '${ran}'; cat`);
    for (const hook of ["reference-transaction", "post-commit", "pre-commit", "post-index-change"]) {
      write(folder, { [`.git/hooks/${hook}`]: `#!/bin/sh\ntouch '${ran}'\n` });
      chmodSync(join(folder, ".git", "hooks", hook), 0o755);
    }
    git(folder, "config", "core.fsmonitor", `touch '${ran}'`);
    writeFileSync(join(folder, "score.mjs"), "console.log('score: 9');\n");
    rmSync(ran, { force: true });
    const index = readFileSync(join(folder, ".git", "index"));
    const repo = await openRepo(folder);
    const text = "export const rate = 2;\nlast line without end";
    const { commit } = await recordKeep(repo, "whetstone/t", {
      parent: repo.head,
      changes: { "src/model.ts": text },
      message: "keep\n",
      when: 1_790_000_000_000,
    });
    const to = join(dirname(ran), `${ran}-base`);
    onTestFinished(() => rmSync(to, { recursive: true, force: true }));
    await checkoutBase(repo, commit, to);
    expect(readFileSync(join(to, "src", "model.ts"), "utf8")).toBe(text);
    // Hidden from `git status`, and still not what judges: the base is what was committed.
    expect(readFileSync(join(to, "score.mjs"), "utf8")).toBe(lab["score.mjs"]);
    expect(readFileSync(join(folder, ".git", "index"))).toEqual(index);
    expect(existsSync(ran)).toBe(false);
  });
});
