import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Readable, Writable } from "node:stream";
import {
  type AgentContext,
  agent,
  methods,
  ndJsonStream,
  PROTOCOL_VERSION,
  type PromptResponse,
  RequestError,
  type SessionUpdate,
  type ToolCallUpdate,
} from "@agentclientprotocol/sdk/unstable";

/**
 * A coding agent that follows a script and speaks real ACP over its standard streams: the steps of its turn, a JSON
 * list, are in the file that its first argument names.
 */
export type Step =
  | { do: "update"; update: SessionUpdate }
  /** Edits a file as agents with tools of their own do. */
  | { do: "write"; path: string; text: string }
  | { do: "link"; path: string; target: string }
  | { do: "fsWrite"; path: string; text: string }
  /** Reads by request, and says what it got. */
  | { do: "fsRead"; path: string; line?: number; limit?: number }
  /** Asks first, and writes if it may; `endsOn` says what it does after a refusal. */
  | { do: "permission"; call: ToolCallUpdate; write?: { path: string; text: string }; onReject?: "cancelled" }
  | { do: "terminal"; command: string }
  | { do: "elicit"; message: string }
  /** Waits until it is cancelled; deaf: does not even then end. */
  | { do: "hang"; deaf?: boolean }
  | { do: "print"; text: string; stream?: "stderr" }
  | { do: "fail"; code: number; message: string }
  | { do: "exit"; code: number }
  | { do: "end"; response: PromptResponse };

export interface Script {
  name?: string;
  /** What `initialize` answers with. */
  protocol?: number;
  /** The answer to `session/new` is an error that wants a login. */
  auth?: boolean;
  /** Ends before it says anything. */
  stillborn?: number;
  steps: Step[];
}

if (import.meta.main) serve(JSON.parse(readFileSync(process.argv[2] as string, "utf8")) as Script);

function serve(script: Script): void {
  if (script.stillborn !== undefined) {
    console.error("no such model");
    process.exit(script.stillborn);
  }
  const cancelled = Promise.withResolvers<void>();
  let cwd = "";
  agent({ name: "scripted" })
    .onRequest(methods.agent.initialize, () => ({
      protocolVersion: script.protocol ?? PROTOCOL_VERSION,
      agentInfo: { name: script.name ?? "scripted", version: "1.2.3" },
      agentCapabilities: { mcpCapabilities: { http: true } },
    }))
    .onRequest(methods.agent.session.new, ({ params }) => {
      if (script.auth) throw RequestError.authRequired();
      cwd = params.cwd;
      return {
        sessionId: "s1",
        configOptions: [
          {
            type: "select" as const,
            id: "model",
            name: "Model",
            category: "model",
            currentValue: "scripted-1",
            options: [{ value: "scripted-1", name: "Scripted 1" }],
          },
        ],
      };
    })
    .onNotification(methods.agent.session.cancel, () => cancelled.resolve())
    .onRequest(methods.agent.session.prompt, async ({ params, client }) => {
      const context: Context = { client, cwd, sessionId: params.sessionId, cancelled: cancelled.promise };
      for (const step of script.steps) {
        const response = await take(step, context);
        if (response) return response;
      }
      return { stopReason: "end_turn" };
    })
    .connect(ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin) as never));
}

interface Context {
  client: AgentContext;
  cwd: string;
  sessionId: string;
  cancelled: Promise<void>;
}

async function take(step: Step, context: Context): Promise<PromptResponse | undefined> {
  const { client, cwd, sessionId, cancelled } = context;
  const update = (body: SessionUpdate) =>
    client.notify(methods.client.session.update, { sessionId, update: body });
  const say = (text: string) =>
    update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text } });
  switch (step.do) {
    case "update":
      await update(step.update);
      return;
    case "write":
      write(cwd, step.path, step.text);
      return;
    case "link":
      symlinkSync(step.target, join(cwd, step.path));
      return;
    case "fsWrite":
      await client
        .request(methods.client.fs.writeTextFile, {
          sessionId,
          path: absolute(cwd, step.path),
          content: step.text,
        })
        .catch((error: Error) =>
          say(`refused: ${error.message} ${JSON.stringify((error as { data?: unknown }).data)}`),
        );
      return;
    case "fsRead":
      await client
        .request(methods.client.fs.readTextFile, {
          sessionId,
          path: absolute(cwd, step.path),
          ...(step.line === undefined ? {} : { line: step.line }),
          ...(step.limit === undefined ? {} : { limit: step.limit }),
        })
        .then(
          ({ content }) => say(`read: ${content}`),
          (error: Error) => say(`refused: ${error.message}`),
        );
      return;
    case "permission": {
      const { outcome } = await client.request(methods.client.session.requestPermission, {
        sessionId,
        toolCall: step.call,
        options: [
          { optionId: "always", name: "Always", kind: "allow_always" },
          { optionId: "once", name: "Once", kind: "allow_once" },
          { optionId: "no", name: "No", kind: "reject_once" },
        ],
      });
      const choice = outcome.outcome === "selected" ? outcome.optionId : outcome.outcome;
      await say(`permission: ${choice}`);
      if (choice === "once" && step.write) write(cwd, step.write.path, step.write.text);
      if (choice === "no" && step.onReject === "cancelled") return { stopReason: "cancelled" };
      return;
    }
    case "terminal":
      await client
        .request(methods.client.terminal.create, { sessionId, command: step.command })
        .catch((error: Error) => say(`refused: ${error.message}`));
      return;
    case "elicit":
      await client.request(methods.client.elicitation.create, {
        sessionId,
        mode: "form",
        message: step.message,
        requestedSchema: { type: "object", properties: {} },
      });
      return;
    case "hang":
      await (step.deaf ? new Promise(() => setInterval(() => {}, 1000)) : cancelled);
      return { stopReason: "cancelled" };
    case "print":
      process[step.stream ?? "stdout"].write(`${step.text}\n`);
      return;
    case "fail":
      throw new RequestError(step.code, step.message);
    case "exit":
      console.error("out of luck");
      process.exit(step.code);
      break;
    case "end":
      return step.response;
  }
}

function absolute(cwd: string, path: string): string {
  return path.startsWith("/") ? path : join(cwd, path);
}

function write(cwd: string, path: string, text: string): void {
  const at = absolute(cwd, path);
  mkdirSync(dirname(at), { recursive: true });
  writeFileSync(at, text);
}
