import type { Leak } from "../suite/leak.ts";
import type { Verdict } from "./ab.ts";
import type { Meddling } from "./meddling.ts";
import type { Ses } from "./ses.ts";

export type Band = "gold" | "validated" | "draft" | "discarded";

export interface Evidence {
  ses: Ses;
  /** Of the A/B test on the open suite. */
  verdict: Verdict;
  /** Of the A/B test on sealed goals; null: they were not opened. */
  sealed: Verdict | null;
  /** Why sealed goals cannot be opened for it; null: they can. */
  spent: string | null;
  /** In what the test asked for less than the default one; empty: in nothing. */
  laxness: readonly string[];
  /** What the skill's text shares with expected answers; null: nothing. */
  leak: Leak | null;
  /** Runs with it changed what judges them; null or absent: no more than those without. */
  meddling?: Meddling | null;
}

export interface Banding {
  band: Band;
  /** One sentence for a person. */
  reason: string;
}

/**
 * Where a tested skill belongs. First it must be kept by its A/B test: what helps little, costs more than it brings or is
 * not shown to help is discarded, however high it scores. Then the lower bound of its score decides: gold from 90 (and
 * better on sealed goals), validated from 70, draft from 50, discarded below. Text that gives answers away keeps it a
 * draft, since its score says nothing then; so does changing what judges, and a test that asked for less than the default
 * one.
 */
export function band({ ses, verdict, sealed, spent, laxness, leak, meddling = null }: Evidence): Banding {
  if (!verdict.kept) return { band: "discarded", reason: verdict.veto ?? verdict.reason };
  const low = ses.overall?.interval?.[0];
  if (low === undefined)
    return { band: "draft", reason: "too few tasks for the score to have a lower bound" };
  const bound = `the score is at least ${Math.floor(low)} of 100`;
  if (low < 50) return { band: "discarded", reason: `${bound}, below 50` };
  if (meddling) return { band: "draft", reason: meddling.reason };
  if (leak) return { band: "draft", reason: leak.reason };
  if (laxness.length > 0)
    return { band: "draft", reason: `${bound}, but this test settles nothing: ${laxness.join(", ")}` };
  if (low < 70) return { band: "draft", reason: `${bound}; from 70 it is validated` };
  if (low < 90) return { band: "validated", reason: bound };
  if (sealed === null)
    return {
      band: "validated",
      reason: `${bound}; ${spent ?? "for gold it must be shown to be better on sealed goals"}`,
    };
  return sealed.kept
    ? { band: "gold", reason: `${bound}, and it is better on sealed goals` }
    : { band: "validated", reason: `${bound}, but on sealed goals: ${sealed.veto ?? sealed.reason}` };
}
