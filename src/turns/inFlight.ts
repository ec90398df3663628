import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { whetstoneFolder } from "../lab/index.ts";
import { addTurns, turnStartedSince } from "../ledger/index.ts";
import type { TurnRecord } from "../researcher/index.ts";
import type { Session } from "../session/index.ts";
import { emptyTurn } from "./ask.ts";

/** A call that is being paid for, in `.whetstone/asked.json` until what came of it is in the ledger. */
interface Asked {
  tag: string;
  researcher: string;
  purpose: TurnRecord["purpose"];
  /** Milliseconds since the epoch. */
  at: number;
}

type Lab = Pick<Session, "lab" | "row">;

/** Notes that somebody is asked, before the call. */
export async function noteAsked({ lab, row }: Lab, asked: Omit<Asked, "tag">): Promise<void> {
  const file = fileOf(lab);
  await writeFile(`${file}.new`, JSON.stringify({ tag: row.tag, ...asked } satisfies Asked));
  await rename(`${file}.new`, file);
}

/** What came of the call is in the ledger, or it cost nothing. */
export async function askedNoMore({ lab }: Lab): Promise<void> {
  await rm(fileOf(lab), { force: true });
}

/** Records the call in which an earlier process was ended: it may have cost something, and nobody knows what. */
export async function takeUpAsked(session: Lab & Pick<Session, "ledger">): Promise<void> {
  const { ledger, row, lab } = session;
  const asked = await readFile(fileOf(lab), "utf8").then(
    (text) => JSON.parse(text) as Asked,
    () => null,
  );
  // The end may have come between the record and here.
  if (asked?.tag === row.tag && !(await turnStartedSince(ledger, row.id, asked.researcher, asked.at))) {
    const message = "Whetstone was ended while it was asked: what that cost is not known";
    const turn = emptyTurn(asked.purpose, "", { ending: "cancelled", message }, { at: asked.at, ms: 0 });
    await addTurns(ledger, row.id, null, [{ ...turn, researcher: asked.researcher }]);
  }
  if (asked !== null) await askedNoMore(session);
}

function fileOf(lab: Session["lab"]): string {
  return join(whetstoneFolder(lab.folder), "asked.json");
}
