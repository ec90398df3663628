import type {
  ClientApp,
  PermissionOptionKind,
  RequestPermissionRequest,
  RequestPermissionResponse,
} from "@agentclientprotocol/sdk/unstable";
import { pathIn, Refused, readBeneath, writeBeneath } from "./folder.ts";
import { type Grounds, isEditable, permissionFor } from "./permission.ts";
import { toolOf, type Updates } from "./updates.ts";

type Acp = typeof import("@agentclientprotocol/sdk/unstable");

/** What the answers to an agent's requests do besides answering. */
export interface Effects {
  updates: Updates;
  /** Something was refused. */
  deny: (tool: string | null, reason: string) => void;
  /** It wants an answer from a person. */
  asked: (question: string) => void;
  /** Whether the turn is being ended already. */
  isCut: () => boolean;
}

/** The client's side of the protocol: every request of an agent answered by the contract. */
export function clientApp(acp: Acp, grounds: Grounds, effects: Effects): ClientApp {
  const { folder, cwd, change } = grounds;

  const inside = (path: string): string => {
    const relative = pathIn(folder, cwd, path);
    if (relative === null) throw new Refused(`${path} is outside the working copy`);
    return relative;
  };
  /** What is refused is said to the agent and recorded. */
  const orDeny = async <Result>(tool: string, action: () => Promise<Result>): Promise<Result> => {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      effects.deny(tool, error.message);
      throw acp.RequestError.invalidParams(undefined, error.message);
    }
  };

  return acp
    .client({ name: "whetstone" })
    .onRequest(acp.methods.client.session.requestPermission, ({ params }) => answer(params, grounds, effects))
    .onRequest(acp.methods.client.fs.readTextFile, ({ params }) =>
      orDeny("fs/read_text_file", async () => {
        const content = await readBeneath(folder.host, inside(params.path), params);
        if (content === null) throw acp.RequestError.resourceNotFound(params.path);
        return { content };
      }),
    )
    .onRequest(acp.methods.client.fs.writeTextFile, ({ params }) =>
      orDeny("fs/write_text_file", async () => {
        const path = inside(params.path);
        if (!isEditable(params.path, grounds))
          throw new Refused(`${path} may not be changed, only ${change.join(", ")}`);
        await writeBeneath(folder.host, path, params.content);
        return {};
      }),
    )
    .onRequest(acp.methods.client.terminal.create, ({ params }) => {
      effects.deny(`terminal: ${params.command}`, "no terminal is offered");
      throw acp.RequestError.invalidParams(undefined, "no terminal is offered");
    })
    .onRequest(acp.methods.client.elicitation.create, ({ params }) => {
      effects.asked(params.message);
      return { action: "cancel" };
    });
}

function answer(
  request: RequestPermissionRequest,
  grounds: Grounds,
  { updates, deny, asked, isCut }: Effects,
): RequestPermissionResponse {
  const call = updates.call(request.toolCall);
  const tool = toolOf(call);
  const permission = permissionFor(call, grounds);
  if (permission === "asked") asked(call.title ?? tool);
  if (permission === "asked" || isCut()) return { outcome: { outcome: "cancelled" } };
  const choose = (...kinds: PermissionOptionKind[]) =>
    request.options.find(({ kind }) => kinds.includes(kind))?.optionId;
  const once = choose("allow_once");
  if (permission === "granted" && once !== undefined)
    return { outcome: { outcome: "selected", optionId: once } };
  deny(tool, permission === "granted" ? "it offers no permission for this once only" : permission.refused);
  const no = choose("reject_once") ?? choose("reject_always");
  return { outcome: no === undefined ? { outcome: "cancelled" } : { outcome: "selected", optionId: no } };
}
