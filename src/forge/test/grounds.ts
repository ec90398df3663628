import type { Trial, TrialRow } from "../../ledger/index.ts";

/** What a test's results rest on. */
export interface Grounds {
  /** Levels of isolation of its runs, each once; empty: none is on record. */
  isolation: string[];
  /** How many scores of criteria came about how, over all runs. */
  channels: NonNullable<Trial["channels"]>;
}

export function groundsOf(trials: readonly Pick<TrialRow, "trial">[]): Grounds {
  const channels: Grounds["channels"] = {};
  for (const { trial } of trials)
    for (const [channel, count] of Object.entries(trial.channels ?? {}))
      channels[channel as keyof typeof channels] = (channels[channel as keyof typeof channels] ?? 0) + count;
  const isolation = [...new Set(trials.flatMap(({ trial }) => trial.isolation ?? []))].sort();
  return { isolation, channels };
}

/** A sentence for a person. */
export function groundsWords({ isolation, channels }: Grounds): string {
  const counts = (["scored", "judged", "self-reported"] as const).flatMap((channel) =>
    channels[channel] === undefined ? [] : [`${channels[channel]} ${channel}`],
  );
  const levels = isolation.length === 0 ? "isolation not on record" : `isolation ${isolation.join(" and ")}`;
  return `${levels}; ${counts.length === 0 ? "how criteria were measured is not on record" : `criteria of all runs: ${counts.join(", ")}`}${isolation.includes("L0") ? "; at L0 nothing keeps a run's commands from reading the ledger and the goals" : ""}`;
}
