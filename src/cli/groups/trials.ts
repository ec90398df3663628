import type { Command } from "commander";
import { json, number, wholeNumber, wholeNumberOrZero } from "../options.ts";

/** Limits of what is spent on runs. */
const bounded = (command: Command) =>
  command
    .option("--runs <n>", "stop before more runs of goals", wholeNumber)
    .option("--tokens <n>", "stop before it takes more tokens", wholeNumber)
    .option("--money <dollars>", "stop before it costs more US dollars", number)
    .option("--for <time>", "stop after so much time, e.g. 8h")
    .addOption(json());
/** With whom goals are run, and within which limits. */
export const peopled = (command: Command) =>
  bounded(command)
    .option("--agent <who>", "who runs the goals: claude, codex, gemini, opencode, pi, `command: ...`")
    .option("--model <name>", "provider/name: puts into words, and runs the goals where no agent is named")
    .option("--judge <name>", "provider/name: scores what no check can, best of another family")
    .option("--url <address>", "server of the model, where it speaks OpenAI's chat completions");
/** How an A/B test is decided. */
export const ruled = (command: Command) =>
  peopled(command)
    .option("--alpha <p>", "chance to keep what does nothing (default 0.04)", number)
    .option("--test-runs <n>", "runs of one test at most (default 192)", wholeNumber)
    .option("--min-effect <points>", "smaller help is not worth having (default 5)", number)
    .option("--seed <n>", "seed of the runs", wholeNumberOrZero)
    .option("--placebo", "a third arm: a text of equal length that says nothing")
    .option("--no-sealed", "leave the sealed goals closed");
