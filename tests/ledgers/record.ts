import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { brotliCompressSync } from "node:zlib";
import Database from "better-sqlite3";
import { knobs } from "../support/knobs.ts";
import { git, noisyLab, program, repositoryAt } from "../support/lab.ts";

/**
 * Records one session of each kind with the build of a checkout, for `src/loop/oldLedgers.test.ts`:
 *
 *     node tests/ledgers/record.ts CHECKOUT OUT_FOLDER [KIND...]
 *
 * The checkout needs its `dist`, as `npm run build` makes it. Each kind gives `KIND.db.br`, the ledger as that build left
 * it, and `KIND.json`, what that build said of it. A kind that the build does not know is named and passed over. The
 * secret of a session is random, so recording again gives other values: what is recorded once is what counts.
 */

/** Runs a command of the recorded build in the lab. @returns what it printed @throws when it fails. */
type Whet = (args: readonly string[]) => string;

interface Kind {
  files: Record<string, string>;
  /** A command that the build must have. */
  needs?: string;
  record: (whet: Whet, lab: string) => void;
}

const run = (whet: Whet, experiments: number, seed: number, ...more: string[]) =>
  whet(["run", "--experiments", String(experiments), "--seed", String(seed), "--no-probe", ...more]);

/** The cheap rung shows the knob `a` alone. */
const ladder = (more = "") => ({
  ...knobs(`stages: [{ name: small, run: "true"${more} }]`, {}, { a: 8, b: 8 }),
  "score.pl": scorer('$ENV{STAGE} eq "small" ? far("a", 8) : far("a", 8) + far("b", 8)'),
});

/** A scorer in Perl, which starts fast; `loss` is an expression over `far(NAME, BEST)` and `knob(NAME)`. */
function scorer(loss: string, more = "", before = ""): string {
  return [
    "local $/; open(my $file, '<', \"$ENV{CANDIDATE}/knobs.json\") or die; my $text = <$file>;",
    'sub knob { my ($name) = @_; $text =~ /"$name": *(-?[\\d.]+)/ or die "no $name"; return $1; }',
    'sub far { my ($name, $best) = @_; my $value = knob($name); die "out of range" if abs($value) > 1000;',
    "  return abs(log($best / ($value > 0.01 ? $value : 0.01)) / log(2)); }",
    "my $state = ($ENV{SEED} || 0) % 4294967296;",
    "sub draw { $state = ($state * 1664525 + 1013904223) % 4294967296; return ($state + 1) / 4294967297; }",
    "draw(); draw();",
    "sub noise { return sqrt(-2 * log(draw())) * cos(6.283185307179586 * draw()); }",
    before,
    `printf('{"metrics":{"loss":%.17g${more === "" ? "" : ',"cost":%.17g,"size":%.17g'}}}', ${loss}${more});`,
    "",
  ].join("\n");
}

const kinds: Record<string, Kind> = {
  noisy: { files: noisyLab(), record: (whet) => run(whet, 12, 3, "--audit", "2") },
  deterministic: { files: knobs(""), record: (whet) => run(whet, 14, 1, "--audit", "2") },
  // The untouched code draws nothing at random; what is better does.
  switching: {
    files: {
      ...knobs(""),
      "score.pl": scorer(
        'far("a", 8) + far("b", 4) + far("c", 2) + (knob("a") == 1 && knob("b") == 1 && knob("c") == 1 ? 0 : 0.05 * noise())',
      ),
    },
    record: (whet) => run(whet, 12, 2, "--audit", "0"),
  },
  stages: { files: ladder(), needs: "rescore", record: (whet) => run(whet, 14, 2, "--audit", "0") },
  "stages-decide": {
    files: ladder(", decides: true"),
    needs: "rescore",
    record: (whet) => run(whet, 12, 2, "--audit", "2"),
  },
  "stages-noisy": {
    files: {
      ...ladder(),
      "score.pl": scorer(
        '0.05 * noise() + ($ENV{STAGE} eq "small" ? far("a", 8) : far("a", 8) + far("b", 8))',
      ),
    },
    needs: "rescore",
    record: (whet) => run(whet, 12, 2, "--audit", "0"),
  },
  // On the holdout a larger `c` is worse: of three knobs one is fitted to the data.
  holdout: {
    files: knobs("holdout: perl holdout.pl", {
      "holdout.pl": scorer('far("a", 8) + far("b", 4) + far("c", 0.5)'),
    }),
    needs: "rescore",
    record: (whet) => run(whet, 14, 1, "--audit", "0"),
  },
  guards: {
    files: {
      ...knobs("guards: [{ name: cost, max: 7 }, { name: size, direction: minimize, tolerance: 60% }]"),
      "score.pl": scorer(
        '0.05 * noise() + far("a", 8) + far("b", 4) + far("c", 2)',
        ', knob("a") + knob("b"), 4 + knob("b") + knob("c")',
      ),
    },
    record: (whet) => run(whet, 12, 5, "--audit", "0"),
  },
  // No honest loss is below 4: what passes it is doubted.
  review: {
    files: knobs("", {
      "program.md": readable(
        'metric: { name: loss, direction: minimize, plausible: 4 }\nchange: [knobs.json]\nrun: "true"\nscore: SCORE\nbudget: 10s',
      ),
    }),
    needs: "review",
    record: (whet) => {
      run(whet, 12, 1, "--audit", "0");
      const { waiting } = JSON.parse(whet(["status", "--json"])) as { waiting: number[] };
      whet(["review", "--reject", String(waiting[0]), "--note", "too good"]);
      run(whet, 18, 1, "--audit", "0");
    },
  },
  // The best of `a` is where it was, under the second yardstick.
  rescore: {
    files: { ...knobs(""), "score.pl": scorer('far("a", 8) + far("b", 4) + far("c", 2)') },
    needs: "rescore",
    record: (whet, lab) => {
      run(whet, 12, 1, "--tag", "one", "--audit", "0");
      const file = join(lab, "score.pl");
      writeFileSync(file, readFileSync(file, "utf8").replace('"a", 8', '"a", 1'));
      git(lab, "commit", "-qam", "another yardstick");
      whet(["rescore", "--audit", "0", "--no-probe"]);
      const { tally } = JSON.parse(whet(["status", "--json"])) as { tally: { all: number } };
      whet(["run", "--experiments", String(tally.all + 5), "--audit", "0"]);
    },
  },
  driven: {
    files: noisyLab(),
    needs: "try",
    record: (whet, lab) => {
      const started = JSON.parse(whet(["start", "--json", "--seed", "4", "--no-probe"]));
      const file = join((started as { workspace: string }).workspace, "train.mjs");
      for (const rate of [4, 2, 6, 0.5, 8, 7, 9, 8.5, 20, 7.5, 16, 7.9]) {
        const text = readFileSync(file, "utf8");
        writeFileSync(file, text.replace(/RATE = .*;/, `RATE = ${rate};`));
        whet(["try", "-m", `rate ${rate}`, "--because", "the best is near 8", "--json", "--no-probe", lab]);
      }
    },
  },
  // One run in five fails, whatever the candidate is; the untouched code's never do.
  flaky: {
    files: { ...noisyLab(), "measure.pl": unlucky(noisyLab()["measure.pl"] as string) },
    record: (whet) => run(whet, 12, 6, "--audit", "0"),
  },
  researchers: {
    files: knobs(
      'control: 40%\nresearchers:\n  - { name: first, command: "node propose.mjs 2" }\n  - { name: second, command: "node propose.mjs 3", share: 2 }',
      {
        // Neither knows where the best is: each sets another knob to another multiple of its number.
        "propose.mjs": [
          'import { readFileSync, writeFileSync } from "node:fs";',
          'const knobs = JSON.parse(readFileSync("knobs.json", "utf8"));',
          "const name = Object.keys(knobs)[Math.floor(Math.random() * 3)];",
          "knobs[name] = Math.ceil(Math.random() * 5) * Number(process.argv[2]);",
          'writeFileSync("knobs.json", JSON.stringify(knobs, null, 2));',
          "",
        ].join("\n"),
      },
    ),
    needs: "try",
    record: (whet) => run(whet, 12, 7, "--audit", "0"),
  },
};

function unlucky(measure: string): string {
  return measure.replace("printf(", 'die "unlucky" if r() < 0.2 && $rate != 1;\nprintf(');
}

/** A contract with the scorer of `knobs`. */
function readable(frontMatter: string): string {
  const { "program.md": text = "" } = knobs("");
  return program(frontMatter.replace("SCORE", /^score: (.*)$/m.exec(text)?.[1] ?? ""));
}

/** What a decision says; early builds know less. */
const figures =
  "kind effect low high p p_real t df pairs provisional reason value runs raced allowance doubt stages".split(
    " ",
  );

/** Decisions, and what is derived from them, as the recorded build tells them. */
function told(whet: Whet, db: Database.Database) {
  const known = new Set(db.prepare("select name from pragma_table_info('decisions')").pluck().all());
  const sessions = db.prepare("select id, tag from sessions order by id").all() as {
    id: number;
    tag: string;
  }[];
  return sessions.map(({ id, tag }) => {
    const { best, sigma } = JSON.parse(whet(["status", "--json", "--tag", tag])) as Record<string, unknown>;
    const replayed = JSON.parse(whet(["replay", "--json", "--tag", tag])) as { differences: unknown[] };
    if (replayed.differences.length > 0) throw new Error(`${tag}: the build does not agree with itself`);
    const decisions = db
      .prepare(
        `select e.number, ${figures.filter((name) => known.has(name)).join(", ")} from decisions d join experiments e on e.id = d.experiment_id where e.session_id = ? order by e.number`,
      )
      .all(id);
    return { tag, best, sigma, decisions };
  });
}

function record(checkout: string, out: string, name: string, kind: Kind): void {
  const lab = join(tmpdir(), `lab-${name}`);
  rmSync(lab, { recursive: true, force: true });
  const state = mkdtempSync(join(tmpdir(), "lab-state-"));
  // Whetstone's key on this machine seals no ledger that others get.
  const env = { ...process.env, XDG_STATE_HOME: state, NO_COLOR: "1", npm_command: "" };
  const bin = join(checkout, "bin", "whet.cjs");
  const help = (...command: string[]) =>
    spawnSync(process.execPath, [bin, ...command, "--help"], { encoding: "utf8", env }).stdout;
  const probes = help("run").includes("--no-probe");
  const known = (args: readonly string[]) => args.filter((arg) => arg !== "--no-probe" || probes);
  const whet: Whet = (args) => {
    const ran = spawnSync(process.execPath, [bin, ...known(args)], { cwd: lab, encoding: "utf8", env });
    if (ran.status !== 0) throw new Error(`${args.join(" ")}: ${ran.stderr}${ran.stdout}`);
    return ran.stdout;
  };
  try {
    if (kind.needs && !new RegExp(`^ +${kind.needs}\\b`, "m").test(help()))
      throw new Error(`this build has no \`whet ${kind.needs}\``);
    mkdirSync(lab);
    repositoryAt(lab, kind.files);
    kind.record(whet, lab);
    const path = join(lab, ".whetstone", "ledger.db");
    const db = new Database(path);
    const text = JSON.stringify({
      version: db.pragma("user_version", { simple: true }),
      sessions: told(whet, db),
    });
    db.pragma("wal_checkpoint(TRUNCATE)");
    db.exec("vacuum");
    db.pragma("wal_checkpoint(TRUNCATE)");
    db.close();
    writeFileSync(join(out, `${name}.db.br`), brotliCompressSync(readFileSync(path)));
    writeFileSync(join(out, `${name}.json`), `${text}\n`);
  } finally {
    rmSync(lab, { recursive: true, force: true });
    rmSync(state, { recursive: true, force: true });
  }
}

const [checkout, out, ...wanted] = process.argv.slice(2);
if (!checkout || !out || !existsSync(join(checkout, "dist"))) {
  console.error(
    `usage: node ${basename(import.meta.filename)} CHECKOUT OUT_FOLDER [KIND...]; CHECKOUT must be built`,
  );
  process.exit(2);
}
mkdirSync(out, { recursive: true });
const commit = execFileSync("git", ["-C", checkout, "log", "-1", "--format=%h"], { encoding: "utf8" }).trim();
for (const [name, kind] of Object.entries(kinds)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  try {
    record(resolve(checkout), resolve(out), name, kind);
    console.log(`${name}: recorded with ${commit}`);
  } catch (error) {
    console.log(`${name}: not recorded with ${commit}: ${(error as Error).message}`);
  }
}
