import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";
import Database from "better-sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";
import { replayLab } from "../../src/doctor/index.ts";
import { notebookOf, tableOf, withSession } from "../../src/notebook/index.ts";
import { logText, progressSvg, reportHtml, statusText } from "../../src/report/index.ts";
import { isWhole } from "../../src/session/index.ts";
import { whet } from "../support/lab.ts";

/** What the build that recorded a ledger said of it; see record.ts. */
interface Told {
  /** Of the schema. */
  version: number;
  sessions: {
    tag: string;
    best: { value: number; experiment: number | null };
    /** Null or absent where that build did not say. */
    sigma?: number | null;
    decisions: ({ number: number; kind: string } & Record<string, unknown>)[];
  }[];
}

const versions = readdirSync(import.meta.dirname).filter((name) => /^v\d+$/.test(name));
const fixtures = versions.flatMap((version) =>
  readdirSync(join(import.meta.dirname, version))
    .filter((file) => file.endsWith(".db.br"))
    .map((file) => `${version}/${file.replace(".db.br", "")}`),
);

/** A lab folder that holds nothing but the recorded ledger. */
function labOf(fixture: string): { lab: string; told: Told } {
  const lab = mkdtempSync(join(tmpdir(), "old ledger-"));
  onTestFinished(() => rmSync(lab, { recursive: true, force: true }));
  mkdirSync(join(lab, ".whetstone"));
  const recorded = readFileSync(join(import.meta.dirname, `${fixture}.db.br`));
  writeFileSync(join(lab, ".whetstone", "ledger.db"), brotliDecompressSync(recorded));
  const told = JSON.parse(readFileSync(join(import.meta.dirname, `${fixture}.json`), "utf8")) as Told;
  return { lab, told };
}

function inLedger<Result>(lab: string, use: (db: Database.Database) => Result): Result {
  const db = new Database(join(lab, ".whetstone", "ledger.db"));
  try {
    return use(db);
  } finally {
    db.close();
  }
}

/** The decisions of a session as they lie in the ledger, with these columns. */
function decisionsOf(lab: string, tag: string, columns: readonly string[]): unknown[] {
  return inLedger(lab, (db) =>
    db
      .prepare(
        `select ${columns.join(", ")} from decisions d join experiments e on e.id = d.experiment_id join sessions s on s.id = e.session_id where s.tag = ? order by e.number`,
      )
      .all(tag),
  );
}

describe("ledgers that earlier versions recorded", () => {
  it("are there for every version of the schema", () => {
    const found = versions.map((version) => fixtures.filter((name) => name.startsWith(`${version}/`)).length);
    expect(versions).toEqual(["v1", "v2", "v3", "v4", "v5", "v6", "v7"]);
    for (const count of found) expect(count).toBeGreaterThanOrEqual(2);
  });

  it.each(fixtures)(
    "%s: is migrated, and each figure of each decision follows from its runs",
    async (name) => {
      const { lab, told } = labOf(name);
      expect(inLedger(lab, (db) => db.pragma("user_version", { simple: true }))).toBe(told.version);
      expect(name.startsWith(`v${told.version}/`)).toBe(true);
      for (const { tag, decisions } of told.sessions) {
        const replayed = await replayLab(lab, tag);
        expect(replayed.differences).toEqual([]);
        expect(replayed.experiments).toBe(decisions.length);
        expect(isWhole(replayed.chain)).toBe(true);
        expect(decisionsOf(lab, tag, Object.keys(decisions[0] ?? {}))).toEqual(decisions);
      }
    },
  );

  it.each(fixtures)("%s: is shown as it was, in status, log and report", async (name) => {
    const { lab, told } = labOf(name);
    for (const { tag, best, sigma, decisions } of told.sessions)
      await withSession(lab, tag, async (ledger, row) => {
        const notebook = await notebookOf(ledger, "lab", row, { texts: true });
        expect(notebook.best).toMatchObject({ value: best.value, experiment: best.experiment });
        if (typeof sigma === "number") expect(notebook.sigma).toBe(sigma);
        const table = await tableOf(ledger, row, {});
        expect(table.experiments.map(({ id }) => id)).toEqual(decisions.map(({ number }) => number));
        const page = { width: 100, colour: false };
        expect(statusText(notebook, page)).toContain(tag);
        expect(logText(table.experiments, { ...page, ...table })).toContain(
          table.experiments[0]?.what as string,
        );
        expect(progressSvg(notebook, { width: 1200, height: 675, theme: "light" })).toContain("<svg");
        expect(reportHtml(notebook)).toContain(tag);
      });
  });

  it("are read by the real command line, from the first version on", async () => {
    const { lab, told } = labOf("v1/noisy");
    const read = async (...args: string[]) => JSON.parse((await whet(lab, ...args, "--json")).stdout);
    expect((await read("status")).best).toMatchObject(told.sessions[0]?.best ?? {});
    expect(await read("log", "--all")).toHaveLength(told.sessions[0]?.decisions.length as number);
    expect((await read("report")).files).toHaveLength(3);
    expect((await read("replay")).differences).toEqual([]);
  });

  it.each([
    ["effect", "effect = effect + 1e-9"],
    ["low", "low = low - 1e-9"],
    ["p", "p = p / 2"],
    ["reason", "reason = 'because'"],
    ["allowance", "allowance = 1e-9"],
  ])("show a figure that was changed afterwards: %s", async (figure, change) => {
    const { lab } = labOf("v5/noisy");
    const number = inLedger(lab, (db) => {
      for (const trigger of db.prepare("select name from sqlite_master where type = 'trigger'").pluck().all())
        db.exec(`drop trigger "${trigger as string}"`);
      const keep = "(select min(experiment_id) from decisions where kind = 'keep')";
      db.exec(`update decisions set ${change} where experiment_id = ${keep}`);
      return db.prepare(`select number from experiments where id = ${keep}`).pluck().get();
    });
    const { differences } = await replayLab(lab);
    expect(differences).toEqual([
      {
        number,
        recorded: expect.stringMatching(`^keep, ${figure} `),
        replayed: expect.stringMatching(`^keep, ${figure} `),
      },
    ]);
  });
});
