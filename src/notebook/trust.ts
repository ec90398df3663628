import type { Channel, Contract } from "../contract/index.ts";
import type { Isolation } from "../sandbox/index.ts";

export interface Trust {
  letter: "A" | "B" | "C" | "D";
  /** What lowered the grade, and what would raise it, one sentence each. */
  reasons: string[];
}

/** What one cheat came to; see `canaries`. */
export interface Probed {
  canary: string;
  outcome: "refused" | "worse" | "equal" | "better";
}

const letters = ["A", "B", "C", "D"] as const;

/**
 * How far a session's numbers can be trusted: the weakest link decides. A grade speaks of what is enforced, not of
 * what anybody intends.
 *
 * @param holdoutRepeats whether the holdout gives the same value as the data that decides; see `repeatsSelection`.
 * @param drivenFreely whether an agent with the user's rights tried something (`whet try`): the sandbox keeps candidates
 * out, not it. An agent in a box of its own (`whet start --sandboxed`) is kept out as well.
 */
export function trust(
  contract: Contract,
  channel: Channel,
  isolation: Isolation,
  probed: readonly Probed[],
  holdoutRepeats: boolean,
  drivenFreely = false,
): Trust {
  const reasons: string[] = [];
  let worst = 0;
  const cap = (letter: (typeof letters)[number], reason: string) => {
    worst = Math.max(worst, letters.indexOf(letter));
    reasons.push(`${letter} at best: ${reason}`);
  };
  if (drivenFreely)
    cap(
      "C",
      "an agent drove with your rights: it could reach the scorer, its data, the ledger and Whetstone's own key (`whet start --sandboxed` and `whet run` give the agent a sandbox)",
    );
  if (contract.score?.evaluator?.inProcess)
    cap(
      "C",
      "the evaluator imports candidates into its own process, where they can state any number and read what is hidden (no `inProcess`)",
    );
  else if (channel === "self-reported")
    cap(
      "C",
      "the metric is printed by the candidate itself, which can print anything (add a `score` command)",
    );
  if (channel === "clocked")
    if (contract.checks.length > 0)
      cap("B", "the run is timed from outside; only the checks say that it still does its work");
    else
      cap(
        "C",
        "the run is timed from outside, and nothing checks that it still does its work (add `checks`)",
      );
  const weighed = [contract.metric, ...contract.guards].flatMap(({ clock }) =>
    clock?.kind === "size" ? [clock.path] : [],
  );
  if (weighed.length > 0 && (contract.checks.length > 0 || contract.score))
    cap(
      "B",
      `only ${weighed.join(" and ")} is weighed: what is in there could lean on other files of the candidate, which checks and scorer see as well`,
    );
  if (isolation.level === "L0")
    if (channel === "self-reported")
      cap("D", "no isolation: a candidate can read and write whatever you can");
    else
      cap(
        "C",
        "no isolation: a candidate can reach the scorer, its data and the ledger (install bubblewrap)",
      );
  if (isolation.level === "macos") cap("B", "the macOS profile has not been tested by us");
  if (!contract.holdout) cap("B", "no holdout: a gain may be fitted to the data that decides");
  else if (holdoutRepeats)
    cap("B", "the holdout repeats the data that decides: a gain may be fitted to them");
  if ([contract.metric, ...contract.guards].some(({ clock }) => clock?.kind === "cpu"))
    cap(
      "B",
      "processor time can be hidden in short processes that nobody waits for (guard the wall time too)",
    );
  if (contract.caches.length > 0)
    cap(
      "C",
      contract.caches.some(({ shared }) => shared)
        ? "a cache is shared: a candidate can leave work in it for others (leave `shared` out)"
        : "a cache outlives the run: a candidate can leave work in it for its own later runs",
    );
  if ([contract.metric, ...contract.guards].some(({ clock }) => clock?.kind === "memory"))
    if (isolation.memory !== "control group")
      cap(
        "C",
        "memory that no process has mapped is counted only in part (no control group can be made here)",
      );
    else if (isolation.level === "L0")
      cap("C", "a run can leave the control group in which its memory is counted (install bubblewrap)");
  if (contract.models.some(({ to }) => to === "run"))
    cap("C", "candidates ask a model: its provider is a way out, and keeps what it is asked");
  else if (contract.models.length > 0)
    cap("B", "a model judges: it can be talked round, and its provider may change it");
  if (contract.score?.network)
    cap("B", "the scorer has the network: its number can rest on what others serve");
  // What a rung's own budget grants, candidates have as well; and their code is what a check runs.
  const granting = [contract.budget, ...contract.stages.map(({ budget }) => budget), ...contract.checks];
  if (granting.some((each) => each?.network)) cap("C", "candidates have the network");
  if (contract.decision.preset === "expensive" || contract.stages.some((stage) => stage.decides))
    cap("B", "keeps are provisional: only the audit compares them with the start in full");
  const honest = new Set(["unchanged", "unchanged again", "null"]);
  const won = probed.filter((probe) => probe.outcome === "better" && !honest.has(probe.canary));
  if (probed.length === 0)
    cap("B", "the evaluator has not been probed with cheating candidates (whet check --probe)");
  else if (won.length > 0)
    cap("D", `a cheat wins on this evaluator: ${won.map((probe) => probe.canary).join(", ")}`);
  const unlike = probed.filter((probe) => honest.has(probe.canary) && probe.outcome !== "equal");
  if (unlike.length > 0) cap("C", "the unchanged code does not repeat within the measured noise");
  if (probed.length > 0 && !probed.some((probe) => probe.canary === "forged output"))
    if (!probed.some((probe) => probe.canary === "constant numbers"))
      cap("B", "no cheats could be made for the language of the editable files");
  return { letter: letters[worst] as Trust["letter"], reasons };
}
