import type { Command } from "commander";
import { experimentNumber, json, notebook, type Run, wholeNumber } from "../options.ts";

/** What agents were told and did. */
export function addTraceCommands(program: Command, run: Run): void {
  const trace = notebook(
    program,
    "trace [id] [lab]",
    "what the agent or model of an experiment was told and did",
  )
    .option("--raw", "everything that it printed, as it came")
    .option("--failed", "the turns that came to nothing")
    .action(
      run(async (id, lab, options) =>
        (await import("../commands/trace.ts")).traceCommand(
          ...(options.failed && lab === undefined
            ? ([undefined, id] as const)
            : ([id === undefined ? id : experimentNumber(id), lab] as const)),
          options,
        ),
      ),
    );
  const traces = () => import("../commands/traces.ts");
  // The options of these two are their own, even where `trace` itself has one of the same name.
  program.enablePositionalOptions();
  trace.enablePositionalOptions();
  trace
    .command("import [paths...]")
    .description("read the transcripts that Claude Code, Codex, pi and OpenCode left, without their secrets")
    .option("--from <whose>", "claude, codex, pi, opencode or otel (default: each at its own place)")
    .option("--all", "of every project, not only of this one")
    .option("--since <date>", "only what was done since then, e.g. 2026-11-01")
    .option("--dry-run", "say what there is, store nothing")
    .option("--raw", "store the lines themselves too, redacted (default: where they can be found)")
    .option("--emails", "take out e-mail addresses as well")
    .addOption(json())
    .action(run(async (paths, options) => (await traces()).traceImportCommand(paths, options)));
  trace
    .command("list")
    .description("turns of goals, tests, sessions and transcripts, newest last")
    .option("-n, --newest <n>", "only the newest", wholeNumber, 50)
    .option("--goal <id>", "only of this goal", wholeNumber)
    .addOption(json())
    .action(run(async (options) => (await traces()).traceListCommand(options)));
  trace
    .command("show <turn>")
    .description("one turn by its number: what it was told and what it did")
    .option("--raw", "everything that it printed, as it came")
    .addOption(json())
    .action(run(async (turn, options) => (await traces()).traceShowCommand(wholeNumber(turn), options)));
  trace
    .command("export [ids...]")
    .description("write turns for other tools; without numbers, all of them")
    .option("--otel", "OpenTelemetry spans of generative AI as OTLP/JSON, one turn a line")
    .action(run(async (ids, options) => (await traces()).traceExportCommand(ids, options)));
}
