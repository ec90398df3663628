import type { ModelSpent, RowUse } from "../../notebook/index.ts";
import { plural } from "./format.ts";

/** `12 calls, 3,400 tokens, $0.02`. @param dollars null: the price is not known. */
function amounts(calls: number, tokens: number, dollars: number | null): string {
  return `${plural(calls, "call")}, ${plural(Math.round(tokens), "token")}, ${dollars === null ? "price unknown" : money(dollars)}`;
}

function money(dollars: number): string {
  return `$${dollars === 0 || dollars >= 0.1 ? dollars.toFixed(2) : dollars.toPrecision(2)}`;
}

/** `openai/gpt-5-mini for the scorer: 12 calls, 3,400 tokens, $0.02 (limit of the session: 100 calls, $5.00)`. */
export function spentWords({ model, asker, calls, tokens, dollars, limits }: ModelSpent): string {
  const most = [
    ...(limits.calls === undefined ? [] : [plural(limits.calls, "call")]),
    ...(limits.tokens === undefined ? [] : [plural(limits.tokens, "token")]),
    ...(limits.money === undefined ? [] : [money(limits.money)]),
  ];
  return `${model} for the ${asker === "run" ? "run" : "scorer"}: ${amounts(calls, tokens, dollars)} (${
    most.length === 0 ? "no limit for the session" : `limit of the session: ${most.join(", ")}`
  })`;
}

/** What the runs of one experiment asked of models and hosts, in words, a line each. */
export function usedWords({ models, reached, refused }: RowUse): string[] {
  const hosts = (all: RowUse["reached"]) =>
    Object.entries(all)
      .map(([host, count]) => `${host} (${count})`)
      .join(", ");
  return [
    ...models.map((each) => {
      const more = [
        ...(each.cached > 0 ? [`${each.cached} of them from the cache`] : []),
        ...(each.failed > 0 ? [`${each.failed} failed`] : []),
        ...(each.refused > 0 ? [`${each.refused} more kept back by a limit`] : []),
      ];
      return `${each.model} by the ${each.asker === "run" ? "run" : "scorer"}: ${amounts(each.calls, each.tokens, each.dollars)}${more.map((text) => `, ${text}`).join("")}`;
    }),
    ...(Object.keys(reached).length === 0 ? [] : [`connected to ${hosts(reached)}`]),
    ...(Object.keys(refused).length === 0 ? [] : [`refused ${hosts(refused)}`]),
  ];
}

/** `12, $0.02`: calls of models and what they cost, for a column; empty where there were none. */
export function usedShort(use: RowUse | undefined): string {
  if (use === undefined || use.models.length === 0) return "";
  const calls = use.models.reduce((sum, each) => sum + each.calls, 0);
  const known = use.models.every(({ dollars }) => dollars !== null);
  const dollars = use.models.reduce((sum, each) => sum + (each.dollars ?? 0), 0);
  return known ? `${calls}, ${money(dollars)}` : String(calls);
}
