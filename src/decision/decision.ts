/** Which state runs next and with which seed. `fresh` draws a new seed, `same` repeats the one before. */
export interface Ask {
  arm: "candidate" | "incumbent" | "baseline";
  seed: "fresh" | "same";
  purpose:
    | "warmup"
    | "baseline"
    | "control"
    | "screen"
    | "race"
    | "confirm"
    | "recheck"
    | "holdout"
    | "audit";
  /** 1-based count within the purpose. */
  round: number;
  /** The rung of the ladder; absent: the last one. */
  stage?: string;
}

/** What came back: a value of the metric as it was reported, or the kind of decision that the failure means. */
export type Sample =
  | { ok: true; value: number }
  | {
      ok: false;
      kind: "crash" | "timeout" | "invalid" | "discard";
      message: string;
      /** It met a limit of its budget, as it would again. */
      limit?: boolean;
    };

export type DecisionKind = "keep" | "discard" | "crash" | "timeout" | "invalid";

export interface Decision {
  kind: DecisionKind;
  /** Improvement over the incumbent in the metric's own unit, positive is better; null when there is no estimate. */
  effect: number | null;
  /** 95 % interval of the effect. */
  interval: [number, number] | null;
  /** One-sided. */
  p: number | null;
  /** Probability that the change is truly better. */
  pReal: number | null;
  /** Improvement in standard errors, any head start included. */
  t: number | null;
  df: number | null;
  /** Head-to-head pairs run. */
  pairs: number;
  /** True when kept without a race (expensive evaluations): the final audit decides. */
  provisional: boolean;
  /** Why a person should look at a keep, in one sentence; null when nothing speaks against it. */
  doubt: string | null;
  /** One sentence for a person. */
  reason: string;
}

/** What is asked of a metric to decide on it. */
export interface Judged {
  direction: "minimize" | "maximize";
  /** In the metric's unit; smaller improvements are not worth keeping. */
  minEffect: number;
}

/** The unchanged incumbent failed several times in a row: nothing can be compared with it. */
export class IncumbentFails extends Error {
  constructor(message: string, how = "fails, twice in a row") {
    super(`the incumbent itself ${how}: ${message}`);
    this.name = "IncumbentFails";
  }
}
