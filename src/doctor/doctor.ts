import { existsSync, readdirSync, realpathSync } from "node:fs";
import { rename, rm, statfs } from "node:fs/promises";
import { basename, join } from "node:path";
import { UserError } from "../errors.ts";
import { isAlive, labMissing, ledgerPath, whetstoneFolder } from "../lab/index.ts";
import {
  counts,
  evaluationTotals,
  examineChain,
  examineLedger,
  forgotten,
  type Ledger,
  lostRuns,
  noteHead,
  openLedger,
  positionGaps,
  releaseHolder,
  type SessionRow,
  saveLedger,
  sessions,
} from "../ledger/index.ts";
import { openRepo, type Repo, removeLocks, staleLocks } from "../repo/index.ts";
import {
  abandonedFolders,
  endStrays,
  leftContainers,
  orphanedFolders,
  removeContainers,
  straysOf,
} from "../sandbox/index.ts";
import { faultOfKey } from "../seal.ts";
import { candidateRef, chainWords, isWhole } from "../session/index.ts";
import { examineBranch, examineCandidates } from "./branch.ts";
import { type Finding, ill, plural, some, well } from "./finding.ts";
import { replayLab } from "./replay.ts";

/** What an examination found; the lab is held until it is closed, so that nothing runs meanwhile. */
export interface Diagnosis {
  findings: Finding[];
  /** Null where it cannot be opened. */
  ledger: Ledger | null;
  /** True while a session runs: then only what stands still was looked at, and nothing is repaired. */
  running: boolean;
  close(): Promise<void>;
}

/**
 * Examines a lab: ledger, sessions, branches, candidates, processes, leftovers, disk. Changes nothing; each finding
 * brings its own repair.
 *
 * @param folder the lab folder; its `program.md` need not be readable.
 * @throws UserError when nothing has been measured there.
 */
export async function examineLab(folder: string): Promise<Diagnosis> {
  const path = ledgerPath(folder);
  if (!existsSync(path))
    throw (
      (await labMissing(folder)) ??
      new UserError(`nothing has been measured in ${folder} yet`, "begin with `whet check` or `whet run`")
    );
  const findings: Finding[] = [];
  const health = examineLedger(path);
  const closed = { findings, ledger: null, running: false, close: async () => {} };
  if (health.faults.length > 0 || health.obstacle !== null) {
    findings.push(
      health.obstacle === null ? damaged(path, health.faults) : obstructed(path, health.obstacle),
      await disk(folder),
    );
    return closed;
  }
  let ledger: Ledger;
  try {
    ledger = await openLedger(path);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    findings.push(ill("ledger", error.message, { fix: error.fix }));
    return closed;
  }
  try {
    findings.push(
      well(
        "ledger",
        `sound: ${size(health.bytes)}, journal mode ${health.journal}, ${size(health.waiting)} in the write-ahead log`,
      ),
    );
    findings.push(await chain(ledger), seals());
    const all = (await sessions(ledger)).reverse();
    const alone = ledger.hold();
    const holders = all.filter((row) => row.holder !== null);
    const living = holders.filter((row) => isAlive(row.holder as string));
    const running = !alone || living.length > 0;
    findings.push(...holding(ledger, holders, living, alone));
    let repo: Repo | null = null;
    try {
      repo = await openRepo(folder);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      findings.push(ill("repository", error.message, { fix: error.fix }));
    }
    for (const row of all) {
      findings.push(await runs(ledger, row), await decisions(ledger, folder, row));
      if (!repo || running) continue;
      const patient = { ledger, repo, row, newest: row === all.at(-1) };
      findings.push(...(await examineBranch(patient)), await examineCandidates(patient));
    }
    if (!running) {
      findings.push(processes(folder), ...(await containers(folder, all)), leftovers(folder));
      if (repo) findings.push(await locks(repo, all));
    }
    findings.push(await disk(folder));
    return { findings, ledger, running, close: () => ledger.close() };
  } catch (error) {
    await ledger.close();
    const { code = "", message } = error as Error & { code?: string };
    if (!/^(SQLITE_(FULL|IOERR)|ENOSPC)/.test(code)) throw error;
    return { ...closed, findings: [obstructed(path, message), await disk(folder)] };
  }
}

function obstructed(path: string, why: string): Finding {
  return ill("ledger", `${path} cannot be examined: ${why}`, {
    fix: "make room on the disk, or make the folder writable, and look again",
  });
}

function damaged(path: string, faults: readonly string[]): Finding {
  const target = `${path.replace(/\.db$/, "")}-saved-${new Date().toISOString().replace(/[-:]|\..*/g, "")}.db`;
  return ill("ledger", `${path} is damaged: ${some(faults)}`, {
    repair: {
      question: `save what can be read to ${basename(target)}? The damaged file stays as it is.`,
      run: async () => {
        const saved = await saveLedger(path, target);
        const rows = Object.values(saved.rows).reduce((sum, n) => sum + n, 0);
        if (rows === 0) {
          for (const suffix of ["", "-wal", "-shm"]) await rm(`${target}${suffix}`, { force: true });
          return `nothing of it can be read from here; sqlite3's own tool may find more: sqlite3 "${path}" .recover`;
        }
        const { sessions: begun = 0, experiments = 0, evaluations = 0, decisions: made = 0 } = saved.rows;
        const lost =
          saved.incomplete.length > 0 ? `; not all could be read of: ${saved.incomplete.join(", ")}` : "";
        return [
          `${target} holds ${plural(begun, "session")}, ${plural(experiments, "experiment")}, ${plural(evaluations, "run")}, ${plural(made, "decision")}${lost}`,
          `to go on with it: mv "${path}" "${path}.damaged" && rm -f "${path}-wal" "${path}-shm" && mv "${target}" "${path}", then \`whet doctor\` again`,
        ].join("\n");
      },
    },
  });
}

/** The key with which the record is sealed. */
function seals(): Finding {
  const fault = faultOfKey();
  if (fault === null) return well("seals", "the key is sound");
  const { file, message, fix } = fault;
  return ill("seals", message, {
    fix,
    repair: {
      question: `set ${file} aside, so that a new key is made? What was sealed before then counts as sealed by somebody else.`,
      run: async () => {
        let aside = `${file}.old`;
        for (let count = 2; existsSync(aside); count++) aside = `${file}.old${count}`;
        await rename(file, aside);
        return `it is ${aside} now; a new key is made at its first use`;
      },
    },
  });
}

/** Whether a row was changed, removed or put in by somebody else than Whetstone. */
async function chain(ledger: Ledger): Promise<Finding> {
  const found = await examineChain(ledger);
  if (isWhole(found)) return well("chain", chainWords(found));
  if (found.faults.length > 0)
    return ill("chain", chainWords(found), {
      fix: "no number of this ledger can be relied on; take it from a backup, or begin a new session with `whet run --fresh`",
    });
  return ill("chain", chainWords(found), {
    repair: {
      question: "is this the ledger that is meant? From now on it is taken for the right one.",
      run: async () => {
        await noteHead(ledger);
        return "taken; what comes after it is looked at from here";
      },
    },
  });
}

function holding(
  ledger: Ledger,
  holders: readonly SessionRow[],
  living: readonly SessionRow[],
  alone: boolean,
): Finding[] {
  const pid = (row: SessionRow) => (row.holder as string).split(":")[0];
  const findings: Finding[] = living.map((row) =>
    well(
      "holder",
      `process ${pid(row)} runs it; branch, processes and leftovers are looked at once it has stopped`,
      row.tag,
    ),
  );
  if (!alone && living.length === 0)
    findings.push(
      well(
        "holder",
        "a process is at work in this lab; branch, processes and leftovers are looked at once it has stopped",
      ),
    );
  for (const row of holders.filter((each) => !living.includes(each)))
    findings.push(
      ill("holder", `process ${pid(row)}, which ran it, is gone`, {
        session: row.tag,
        repair: {
          question: "release the session?",
          run: async () => {
            await releaseHolder(ledger, row.id, row.holder as string);
            return "released; `whet run` goes on";
          },
        },
      }),
    );
  if (findings.length === 0) findings.push(well("holder", "nobody holds a session"));
  return findings;
}

async function runs(ledger: Ledger, row: SessionRow): Promise<Finding> {
  const gaps = await positionGaps(ledger, row.id);
  if (gaps.length > 0)
    return ill(
      "runs",
      `runs are missing or doubled: ${some(gaps.map((gap) => `${gap.of} has ${gap.positions.join(" ")}`))}`,
      { session: row.tag, fix: "nothing can bring them back; begin a new session with `whet run --fresh`" },
    );
  const lost = await lostRuns(ledger, row.id);
  if (lost.length > 0)
    return ill(
      "runs",
      `a decision rests on other runs than are recorded: ${some(lost.map(({ number, decided, recorded }) => `experiment ${number} (${recorded} of ${decided})`))}`,
      { session: row.tag, fix: "nothing can bring them back; begin a new session with `whet run --fresh`" },
    );
  const { runs: total } = await evaluationTotals(ledger, row.id);
  return well("runs", `${plural(total, "run")} without a gap`, row.tag);
}

async function decisions(ledger: Ledger, folder: string, row: SessionRow): Promise<Finding> {
  const session = row.tag;
  const open = await forgotten(ledger, row.id);
  if (open.length > 0)
    return ill("decisions", `without a decision though it is not the newest: experiment ${some(open, "#")}`, {
      session,
      fix: "begin a new session with `whet run --fresh`",
    });
  const tally = await counts(ledger, row.id);
  const all = Object.values(tally).reduce((sum, n) => sum + n, 0);
  if (all === 0) return well("decisions", "no experiment yet", session);
  try {
    const { differences, experiments } = await replayLab(folder, row.tag);
    if (differences.length > 0)
      return ill(
        "decisions",
        `the recorded runs do not lead to the recorded decision: experiment ${some(
          differences.map(({ number }) => number),
          "#",
        )}`,
        { session, fix: `see \`whet replay --tag ${row.tag}\`` },
      );
    const waiting = tally.open ? ", one experiment is open" : "";
    return well("decisions", `${plural(experiments, "decision")} follow from the runs${waiting}`, session);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return ill("decisions", `they cannot be derived again: ${error.message}`, { session, fix: error.fix });
  }
}

function processes(folder: string): Finding {
  const work = workFolder(folder);
  const found = existsSync(work) ? straysOf(realpathSync(work)) : [];
  if (found === null) return well("processes", "not known on this system");
  if (found.length === 0) return well("processes", "none is left over");
  const list = some(found.map((stray) => `${stray.pid} (${stray.command.slice(0, 60)})`));
  const message = `still at work in ${work} though no session runs: process ${list}`;
  if (!found.some((stray) => stray.ours))
    return ill("processes", message, {
      fix: `nothing shows that a run started it; if it is no shell of yours: kill ${found.map((stray) => stray.pid).join(" ")}`,
    });
  return ill("processes", message, {
    repair: {
      question: "kill what runs of this lab left behind?",
      run: async () => `${endStrays(realpathSync(work))} killed`,
    },
  });
}

/** Containers of runs that were killed; looked for where a session was measured in some. */
async function containers(folder: string, all: readonly SessionRow[]): Promise<Finding[]> {
  const work = workFolder(folder);
  if (!existsSync(work) || !all.some(({ level }) => level === "L3")) return [];
  const left = await leftContainers(work);
  const count = left.reduce((sum, each) => sum + each.containers.length, 0);
  if (count === 0) return [well("containers", "none is left over")];
  const where = left.map(({ engine, containers: own }) => `${own.length} of ${engine.name}`).join(", ");
  return [
    ill("containers", `still there though no session runs: ${where}`, {
      repair: {
        question: `end and remove ${plural(count, "container")}?`,
        run: async () => {
          await removeContainers(left);
          return `${count} removed`;
        },
      },
    }),
  ];
}

/** What an interruption leaves and nothing uses again; the other folders of `work` are laid out anew by each session. */
function leftovers(folder: string): Finding {
  const work = workFolder(folder);
  const found: string[] = [];
  for (const [parent, left] of [
    [whetstoneFolder(folder), /\.new$/],
    [work, /^setup-scratch$/],
    [join(work, "setup"), /\.new$/],
  ] as const) {
    if (!existsSync(parent)) continue;
    for (const name of readdirSync(parent)) if (left.test(name)) found.push(join(parent, name));
  }
  if (existsSync(work)) found.push(...abandonedFolders(work), ...orphanedFolders(whetstoneFolder(folder)));
  if (found.length === 0) return well("leftovers", "none");
  return ill("leftovers", `left by an interruption: ${some(found)}`, {
    repair: {
      question: `remove ${found.length === 1 ? "it" : `these ${found.length}`}?`,
      run: async () => {
        for (const path of found) await rm(path, { recursive: true, force: true, maxRetries: 3 });
        return `${found.length} removed`;
      },
    },
  });
}

async function locks(repo: Repo, all: readonly SessionRow[]): Promise<Finding> {
  const found = await staleLocks(
    repo,
    all.flatMap((row) => [
      `refs/heads/${row.branch}`,
      `refs/whetstone/keep/${row.branch}`,
      candidateRef({ repo, row }, 0).replace(/\/0$/, ""),
    ]),
  );
  if (found.length === 0) return well("locks", "git holds no lock on our branches");
  return ill("locks", `a killed git left ${some(found)}`, {
    repair: {
      question: `remove ${plural(found.length, "lock")}?`,
      run: async () => {
        await removeLocks(found);
        return `${found.length} removed`;
      },
    },
  });
}

/** Bytes; below this a session is likely to stop soon. */
const scarce = 64 * 2 ** 20;

async function disk(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  return free < scarce
    ? ill("disk", `only ${size(free)} are free`, {
        fix: "make room: a session stops when it cannot record any more",
      })
    : well("disk", `${size(free)} are free`);
}

function workFolder(folder: string): string {
  return join(whetstoneFolder(folder), "work");
}

function size(bytes: number): string {
  if (bytes >= 2 ** 30) return `${(bytes / 2 ** 30).toFixed(1)} GB`;
  return bytes >= 2 ** 20 ? `${(bytes / 2 ** 20).toFixed(1)} MB` : `${Math.ceil(bytes / 1024)} KB`;
}
