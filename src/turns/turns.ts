import { RunFailed } from "../errors.ts";
import { spendingOf } from "../ledger/index.ts";
import { tokensOf } from "../researcher/index.ts";
import type { Proposed, Session } from "../session/index.ts";
import { type Course, type Limits, overdrawn } from "../strategy/index.ts";
import { type Asked, copies, type Entrant, propose, type Request, words } from "./propose.ts";
import { crashToRepair } from "./repair.ts";
import { next, type Researchers } from "./researchers.ts";
import { counted, reserve, together } from "./spending.ts";
import { type Backoff, delay, idle } from "./waiting.ts";

/** Failed turns of a researcher in a row after which it is not asked any more. */
const mostFailures = 5;

/** How a researcher has been doing since the session was opened. */
interface Standing {
  failures: number;
  lastFailure: string;
  /** Refusals of its provider in a row. */
  refusals: number;
  /** Not before this instant (`performance.now`). */
  notBefore: number;
  /** The incumbent at which it had nothing left to try. */
  emptyAt: number | null;
}

export interface Turns {
  /**
   * One turn of whoever is next. `again`: it came to nothing, and the loop is to look at its limits once more.
   *
   * @throws RunFailed when going on is no use; Interrupted when a person wants an end.
   */
  next(course: Course): Promise<Proposed | "again" | { end: string }>;
}

/**
 * Whose turn it is, what it may cost, and what follows when nothing comes of it.
 *
 * @param spentMs milliseconds that count towards the limit on time, until now.
 */
export function takeTurns(
  session: Session,
  researchers: Researchers,
  limits: Limits,
  spentMs: () => number,
  backoff?: Backoff,
): Turns {
  const { ledger, row, listener } = session;
  const { mains, control } = researchers;
  const everybody = [...mains, ...(control ? [control.entrant] : [])];
  const names = everybody.map(({ researcher }) => researcher);
  const kept = copies();
  const standings = new Map<string, Standing>(
    names.map(({ name }) => [
      name,
      { failures: 0, lastFailure: "", refusals: 0, notBefore: 0, emptyAt: null },
    ]),
  );
  const of = ({ researcher }: Entrant) => standings.get(researcher.name) as Standing;
  const hasPaid = names.some(({ paid }) => paid === true);
  const isAtWork = (entrant: Entrant, course: Course) =>
    of(entrant).failures < mostFailures && of(entrant).emptyAt !== course.incumbent.number;

  const allowance = async (course: Course, asked: Pick<Request, "entrant" | "repair">) => {
    const { researcher } = asked.entrant;
    if (!researcher.paid || (limits.tokens === null && limits.money === null)) return { end: null };
    const promptTokens = tokensOf(await words(session, course, asked));
    const all = await spendingOf(ledger, row.id);
    const spent = together(counted(names, all, promptTokens), session.relays?.spent());
    const end = overdrawn(limits, spent, reserve(researcher, all, promptTokens));
    if (end) return { end };
    return {
      end: null,
      ...(limits.tokens === null ? {} : { tokens: limits.tokens - spent.tokens }),
      ...(limits.money === null ? {} : { dollars: limits.money - spent.dollars }),
    };
  };

  /** Who mends the crash, if there is one, or else whose turn it is. */
  const pick = async (course: Course, open: readonly Entrant[]) => {
    const crash = hasPaid ? await crashToRepair(session) : null;
    const mender = everybody.find(({ researcher }) => researcher.name === crash?.researcher);
    if (crash && mender && isAtWork(mender, course)) return { entrant: mender, repair: crash.repair };
    const spending = open.length > 1 ? await spendingOf(ledger, row.id) : [];
    const fruitless = spending.reduce((sum, each) => sum + each.fruitless, 0);
    const beside = control && isAtWork(control.entrant, course) ? control : null;
    return { entrant: await next(session, course, { control: beside }, open, fruitless) };
  };

  /** Waits until a provider may be asked again; the limit on time goes on. */
  const waitFor = async (entrants: readonly Entrant[]) => {
    const soonest = Math.min(...entrants.map((entrant) => of(entrant).notBefore));
    const left = limits.time === null ? Number.POSITIVE_INFINITY : limits.time - spentMs();
    await idle(session, Math.max(0, Math.min(soonest - performance.now(), left)));
  };

  const heed = (entrant: Entrant, asked: Asked, course: Course): Proposed | "again" | { end: string } => {
    const { name } = entrant.researcher;
    const standing = of(entrant);
    if (asked.kind !== "wait") standing.refusals = 0;
    if (asked.kind !== "wait" && asked.kind !== "failed") standing.failures = 0;
    switch (asked.kind) {
      case "proposed":
        return asked.proposed;
      case "stale":
      case "limit":
        return "again";
      case "nothing":
        standing.emptyAt = course.incumbent.number;
        return "again";
      case "stop":
        throw new RunFailed(`${name}: ${asked.reason}`, "mend it; `whet run` goes on from here");
      case "wait": {
        const ms = delay(standing.refusals, asked.afterMs, Math.random(), backoff);
        standing.refusals++;
        standing.notBefore = performance.now() + ms;
        listener({
          type: "waiting",
          message: `${name} can be asked again in ${Math.ceil(ms / 1000)} s: ${asked.reason}`,
        });
        return "again";
      }
      case "failed": {
        const limited = limits.tokens !== null || limits.money !== null;
        // It may not cost what it would have to.
        if (asked.ending === "limit" && limited) return { end: `a limit is reached: ${asked.reason}` };
        standing.failures++;
        standing.lastFailure = asked.reason;
        listener({
          ...{ type: "failed", researcher: name, reason: asked.reason },
          inARow: standing.failures,
        });
        return "again";
      }
    }
  };

  return {
    next: async (course) => {
      const working = mains.filter((entrant) => isAtWork(entrant, course));
      if (working.length === 0) {
        const broken = mains.find((entrant) => of(entrant).failures >= mostFailures);
        if (!broken || mains.some((entrant) => of(entrant).emptyAt === course.incumbent.number))
          return { end: "the researcher has nothing left to try" };
        throw new RunFailed(
          `${broken.researcher.name} failed ${mostFailures} times in a row; the last time: ${of(broken).lastFailure}`,
          "`whet trace --failed` shows what it did; mend it, and `whet run` goes on from here",
        );
      }
      const open = working.filter((entrant) => of(entrant).notBefore <= performance.now());
      if (open.length === 0) {
        await waitFor(working);
        return "again";
      }
      const { entrant, repair } = await pick(course, open);
      if (of(entrant).notBefore > performance.now()) {
        await waitFor([entrant]);
        return "again";
      }
      await refuseUncounted(entrant);
      const task = { entrant, ...(repair ? { repair } : {}) };
      const { end } = await allowance(course, task);
      if (end !== null) return { end };
      const asked = await propose(session, course, {
        ...{ ...task, copies: kept },
        allowance: async () => {
          const { end: over, ...may } = await allowance(course, task);
          return over === null ? may : null;
        },
      });
      return heed(entrant, asked, course);
    },
  };

  /** A limit is only as good as what the researcher says of its costs. */
  async function refuseUncounted({ researcher }: Entrant): Promise<void> {
    if (!researcher.paid || (limits.tokens === null && limits.money === null)) return;
    const own = (await spendingOf(ledger, row.id)).find((each) => each.researcher === researcher.name);
    if (!own) return;
    const unsaid =
      limits.money !== null && own.silentDollars > 0 && own.dollars === null
        ? "money cannot be kept: it does not say what a turn costs"
        : limits.tokens !== null && own.silentTokens > 0 && own.mostTokens === null
          ? "tokens cannot be kept: it does not say how many a turn takes"
          : null;
    if (unsaid)
      throw new RunFailed(
        `with ${researcher.name} a limit on ${unsaid}`,
        "limit the experiments or the time instead (`--experiments`, `--for`); `whet run` goes on from here",
      );
  }
}
