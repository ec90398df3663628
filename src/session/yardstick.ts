import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { UserError } from "../errors.ts";
import { changedPins } from "../evaluator/index.ts";
import type { Session } from "./session.ts";

/** Milliseconds between two looks. */
const pinCheckEvery = 10_000;
/** A look at very many files takes seconds: no more than about one part in twenty of the time goes there. */
const restAfterLook = 19;

/** The user edits the contract or the base: the session ends rather than measure with another yardstick. */
export async function refuseChangedYardstick(session: Session): Promise<void> {
  const { lab, place } = session;
  const text = await readFile(lab.programFile, "utf8").catch(() => "");
  if (createHash("sha256").update(text).digest("hex") !== lab.program.hash)
    throw new UserError(
      `${lab.programFile} has changed since the session began`,
      "the session has stopped; put it back and `whet run` goes on, or begin a new session with `whet run --fresh`",
    );
  if (performance.now() - session.pinsCheckedAt < pinCheckEvery) return;
  const began = performance.now();
  session.pinsCheckedAt = began;
  const changed = await changedPins(place);
  const ended = performance.now();
  session.pinsCheckedAt = ended + restAfterLook * (ended - began);
  if (changed.length > 0)
    throw new UserError(
      `what judges the session has changed on disk: ${changed.join("; ")}`,
      "the session has stopped; put it back and `whet run` goes on, or begin a new session with `whet run --fresh`",
    );
}
