import { type CallToolResult, McpServer, type ServerContext } from "@modelcontextprotocol/server";
import type * as z from "zod";
import { Interrupted, UserError } from "../errors.ts";
import { isUndecided } from "../notebook/index.ts";
import {
  contextText,
  failuresText,
  showText,
  startedText,
  statusText,
  triedJson,
  triedText,
} from "../report/index.ts";
import type { Session } from "../session/index.ts";
import type { Desk } from "./desk.ts";
import { experiment, failures, ideas, keepIdea, learn, notebook, workspaceOf } from "./notebook.ts";
import { openProgress } from "./progress.ts";
import * as schemas from "./schemas.ts";
import { fitted } from "./text.ts";

export interface Door {
  desk: Desk;
  version: string;
  /** Called after an experiment was decided. */
  onDecided?: (session: Session) => Promise<void>;
  /** A line for the server's own log. */
  log: (line: string) => void;
}

const instructions = [
  "Whetstone measures changes and keeps only what is really better. You propose; you never state a number or a verdict.",
  "1. `start` (once) says where the workspace is and which files may change. `context` says what is known already.",
  "2. Edit files in the workspace, one idea at a time. Do not run the evaluation yourself.",
  "3. `try` with what you changed and why it should help: it measures, decides and puts the workspace on the best state.",
  "4. `learn` what follows. Go on until `try` answers that a limit is reached.",
  "Where an answer names a command such as `whet start`, the tool of that name does the same.",
].join("\n");

/** Bytes of a diff in the structured answer. */
const diffLimit = 16_384;
const page = { colour: false, width: 100 };
const reads = { readOnlyHint: true, openWorldHint: false } as const;
const writes = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
} as const;

/** A server for one client, with the verbs of an agent that drives. All clients share the desk. */
export function makeServer(door: Door): McpServer {
  const { desk } = door;
  const server = new McpServer(
    { name: "whetstone", title: "Whetstone", version: door.version },
    { instructions, capabilities: { tools: {} } },
  );
  const tool = toolsOf(server, door);

  tool(
    "start",
    {
      title: "Prepare the workspace",
      description:
        "Opens the session (the first time this measures the baseline) and puts the workspace on the best state so far. Edits that were never tried are kept aside. Call it before you edit.",
      inputSchema: schemas.startInput,
      outputSchema: schemas.startOutput,
      annotations: writes,
    },
    ({ from }, context) =>
      working(desk, "start", context, async (trying) => {
        const { setAside } = await trying.reset(from);
        const standing = await trying.standing();
        const mayChange = trying.session.contract.change;
        const kept = setAside === null ? "" : `kept     your edits that were never tried: ${setAside}\n`;
        return {
          text: `${kept}${startedText(standing, mayChange)}`,
          data: { standing, mayChange, setAside },
        };
      }),
  );

  tool(
    "try",
    {
      title: "Measure the workspace's change",
      description:
        "Takes the changed files of the workspace, measures them against the best state, decides, and puts the workspace on the best state. The same files are never measured twice. May take many minutes; tells its progress.",
      inputSchema: schemas.tryInput,
      outputSchema: schemas.tryOutput,
      annotations: writes,
    },
    ({ what, because, expect, idea }, context) =>
      working(desk, what, context, async (trying, within) => {
        const hypothesis = {
          what,
          mechanism: because,
          ...(expect === undefined ? {} : { prediction: expect }),
        };
        const tried = await trying.try(hypothesis, { ...within, ...(idea === undefined ? {} : { idea }) });
        if (tried.kind === "decided") {
          door.log(`#${tried.outcome.number} ${tried.outcome.decision}: ${what}`);
          await door.onDecided?.(trying.session);
        }
        return {
          text: triedText(tried),
          data: JSON.parse(triedJson(tried)) as z.input<typeof schemas.tryOutput>,
        };
      }),
  );

  tool(
    "learn",
    {
      title: "Say what follows from an experiment",
      description:
        "Whether your hypothesis was confirmed or refuted, and the lesson for the next experiments. It changes nothing about the result.",
      inputSchema: schemas.learnInput,
      outputSchema: schemas.learnOutput,
      annotations: writes,
    },
    async (given) => {
      await learn(desk.lab, given);
      return { text: `#${given.id} ${given.hypothesis}: ${given.lesson}`, data: given };
    },
  );

  tool(
    "context",
    {
      title: "The state of the research",
      description:
        "For a fresh mind: goal, rules, best, what worked, near misses, dead ends with their reasons, what has not been tried.",
      inputSchema: schemas.contextInput,
      outputSchema: schemas.contextOutput,
      annotations: reads,
    },
    async ({ characters }) => {
      const context = fitted(contextText(await notebook(desk.lab), characters));
      return { text: context, data: { context } };
    },
  );

  tool(
    "failures",
    {
      title: "What failed, and why",
      description: "Experiments that crashed, ran out of time or were not allowed, grouped by their reason.",
      inputSchema: schemas.failuresInput,
      outputSchema: schemas.failuresOutput,
      annotations: reads,
    },
    async ({ newest }) => {
      const rows = (await failures(desk.lab, newest)).map(withoutScorer);
      const listed = rows.flatMap(({ id, status, what, reason, failureKind }) =>
        isUndecided(status) ? [] : [{ id, decision: status, what, reason, failureKind: failureKind ?? null }],
      );
      return { text: failuresText(rows, page), data: { failures: listed } };
    },
  );

  tool(
    "ideas_add",
    {
      title: "Keep an idea for later",
      description: "Something to try one day; it lasts beyond your memory. The same text is kept once.",
      inputSchema: schemas.ideasAddInput,
      outputSchema: schemas.ideasAddOutput,
      annotations: writes,
    },
    async ({ text }) => {
      const id = await keepIdea(desk.lab, text);
      return { text: `idea ${id}: ${text}`, data: { id, text } };
    },
  );

  tool(
    "ideas_list",
    {
      title: "Ideas that wait",
      description:
        "Open ideas of this lab, whoever had them; with `all` those too that were tried or struck off.",
      inputSchema: schemas.ideasListInput,
      outputSchema: schemas.ideasListOutput,
      annotations: reads,
    },
    async ({ all }) => {
      const found = await ideas(desk.lab, all);
      const listed = found.map(({ id, text, by, tried, droppedAt }) => ({
        ...{ id, text, by, tried },
        dropped: droppedAt !== null,
      }));
      const lines = listed.map(({ id, text, tried, dropped }) => {
        const fate = tried ? ` (tried: #${tried.number} of ${tried.tag})` : dropped ? " (struck off)" : "";
        return `${id}  ${text}${fate}`;
      });
      return { text: lines.length === 0 ? "no open idea" : lines.join("\n"), data: { ideas: listed } };
    },
  );

  tool(
    "diff",
    {
      title: "The change of one experiment",
      description: "Unified diff of an experiment against the best state of its time.",
      inputSchema: schemas.showInput,
      outputSchema: schemas.diffOutput,
      annotations: reads,
    },
    async ({ id }) => {
      const { row } = await experiment(desk.lab, id);
      const diff = fitted(row.diff, diffLimit);
      return { text: row.diff === "" ? "no change" : diff, data: { id, diff, cut: diff !== row.diff } };
    },
  );

  tool(
    "show",
    {
      title: "One experiment",
      description: "Hypothesis, runs, decision, reason, lesson and the log's end of an experiment.",
      inputSchema: schemas.showInput,
      outputSchema: schemas.showOutput,
      annotations: reads,
    },
    async ({ id }) => {
      const { row: whole, metric, sigma } = await experiment(desk.lab, id);
      const row = withoutScorer(whole);
      const { status, mechanism, prediction, logTail } = row;
      return {
        text: showText(row, { ...page, metric, sigma }),
        data: {
          ...row,
          decision: status,
          mechanism: mechanism ?? null,
          prediction: prediction ?? null,
          logTail: logTail === null ? null : logTail.slice(-2000),
        },
      };
    },
  );

  tool(
    "status",
    {
      title: "Where the session stands",
      description: "Best so far, limits left, the workspace, and what is being measured just now.",
      outputSchema: schemas.statusOutput,
      annotations: reads,
    },
    async () => {
      const [standing, measuring] = [desk.standing(), desk.measuring()];
      const seen = await notebook(desk.lab).catch((error: unknown) => {
        if (error instanceof UserError) return null;
        throw error;
      });
      const begun = seen !== null && Number.isFinite(seen.baseline.mean);
      const data = {
        measuring,
        session: seen?.tag ?? null,
        metric: seen?.metric ?? null,
        baseline: begun ? seen.baseline.mean : null,
        best: begun ? { value: seen.best.value, experiment: seen.best.experiment ?? 0 } : null,
        experiments: seen?.tally.all ?? 0,
        keeps: seen?.tally.keeps ?? 0,
        waiting: seen?.waiting ?? [],
        left: standing?.left ?? null,
        limit: standing?.limit ?? null,
        workspace: standing?.workspace ?? (await workspaceOf(desk.lab)),
      };
      const now = [
        ...(measuring === null ? [] : [`measuring now: ${measuring}`]),
        ...(data.limit === null ? [] : [`STOP: ${data.limit}`]),
        data.workspace === null ? "`start` prepares the workspace" : `edit in ${data.workspace}`,
      ].join("\n");
      const text = begun ? statusText(seen, page) : "nothing has been measured yet\n";
      return { text: `${now}\n${text}`, data };
    },
  );
  return server;
}

interface Answer<Output> {
  text: string;
  data: Output;
}

interface Config<Input, Output> {
  title: string;
  description: string;
  inputSchema?: Input;
  outputSchema: Output;
  annotations: typeof reads | typeof writes;
}

type Tool = <Output extends z.ZodObject, Input extends z.ZodObject = z.ZodObject<Record<string, never>>>(
  name: string,
  config: Config<Input, Output>,
  action: (given: z.output<Input>, context: ServerContext) => Promise<Answer<z.input<Output>>>,
) => void;

/** Registers tools whose answers are short, and whose errors say what to do next. */
function toolsOf(server: McpServer, { log }: Door): Tool {
  return (name, { inputSchema, ...config }, action) => {
    const run = async (given: unknown, context: ServerContext): Promise<CallToolResult> => {
      try {
        const { text, data } = await action(given as never, context);
        // Exactly what the schema names: clients refuse anything more.
        const structuredContent = config.outputSchema.parse(data);
        return { content: [{ type: "text", text: fitted(text) }], structuredContent };
      } catch (error) {
        return { isError: true, content: [{ type: "text", text: fitted(wordsFor(error, name, log)) }] };
      }
    };
    if (inputSchema) server.registerTool(name, { ...config, inputSchema }, run as never);
    else server.registerTool(name, config, (context: ServerContext) => run({}, context));
  };
}

function wordsFor(error: unknown, tool: string, log: (line: string) => void): string {
  if (error instanceof Interrupted)
    return "cancelled: what was measured is recorded, and the next `try` finishes this experiment first";
  if (error instanceof UserError)
    return error.fix === "" ? error.message : `${error.message}\n→ ${error.fix}`;
  log(`${tool}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return `an error that should not happen: ${error instanceof Error ? error.message : String(error)}`;
}

/** Does something at the desk that may take long: with progress, and an end when the client cancels. */
async function working<Result>(
  desk: Desk,
  what: string,
  context: ServerContext,
  action: Parameters<typeof desk.work<Result>>[1],
): Promise<Result> {
  const progress = openProgress(context);
  try {
    return await desk.work({ what, signal: context.mcpReq.signal, listener: progress.listener }, action);
  } finally {
    progress.end();
  }
}

/** Whoever asks here proposes, and the scorer's words may tell what is hidden. */
export function withoutScorer<Row extends { failureKind?: string; logTail: string | null }>(row: Row): Row {
  return row.failureKind === "scorer" ? { ...row, logTail: null } : row;
}
