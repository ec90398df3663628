import { parse } from "yaml";
import type { Detected, ToolLayout } from "./found.ts";

/** What is read of a leaf's `campaign.yaml`; everything may be missing. */
interface Campaign {
  metric?: { name?: unknown; direction?: unknown; eval_command?: unknown };
  budget?: { compute_usd?: unknown; wall_hours?: unknown; max_experiments?: unknown };
  editable?: unknown;
}

/**
 * A leaf of PraxLab: `campaign.yaml` with the metric, the command and the editable files, instructions in program.md.
 * Its experiments.db stays as it is.
 */
export const praxlab: ToolLayout = async (folder, found) => {
  const campaign = read(await folder.read("campaign.yaml"));
  const command = campaign?.metric?.eval_command;
  if (!campaign || typeof command !== "string") return false;
  const from = "campaign.yaml";
  // A run's output is read as it comes: in a file of the tree it would be missed.
  found.run = { value: command.replace(/\s*>+\s*\S+\s*(2>&1)?\s*$/, "").trim(), from };
  const { name, direction } = campaign.metric ?? {};
  if (typeof name === "string") found.metric = { value: name, from };
  if (typeof direction === "string" && /^(low|min|high|max)/.test(direction))
    found.direction = { value: /^(low|min)/.test(direction) ? "minimize" : "maximize", from };
  const editable = Array.isArray(campaign.editable)
    ? campaign.editable.filter((each) => typeof each === "string")
    : [];
  if (editable.length > 0) found.change = { value: editable.join(", "), from };
  limits(campaign, found);
  return true;
};

function read(text: string): Campaign | null {
  try {
    const value: unknown = text === "" ? null : parse(text);
    return typeof value === "object" && value !== null ? (value as Campaign) : null;
  } catch {
    return null;
  }
}

/** In its budget 0 stands for no limit. */
function limits({ budget }: Campaign, found: Detected): void {
  const { compute_usd: money, wall_hours: hours, max_experiments: experiments } = budget ?? {};
  const session: Record<string, string> = {};
  if (typeof money === "number" && money > 0) session.money = String(money);
  if (typeof hours === "number" && hours > 0) session.time = `${Math.round(hours * 60)}m`;
  if (typeof experiments === "number" && experiments > 0)
    session.experiments = String(Math.round(experiments));
  if (Object.keys(session).length > 0) found.session = { value: session, from: "campaign.yaml, budget" };
}
