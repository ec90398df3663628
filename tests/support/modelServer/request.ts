/** A request to a model in terms that all protocols share. */
export interface ModelRequest {
  /** Milliseconds since the epoch. */
  at: number;
  protocol: "chat" | "responses" | "messages" | "gemini";
  path: string;
  headers: Record<string, string>;
  model: string;
  stream: boolean;
  system: string;
  messages: Message[];
  tools: OfferedTool[];
  /** The form that the answer must have, if the request prescribes one. */
  wanted?: JsonSchema;
  /** Most tokens that the answer may have, if the request says so. */
  maxOutput: number | null;
  /** False for side calls (titles and the like): they are answered plainly and use up no step. */
  main: boolean;
  body: unknown;
}

export interface Message {
  role: "user" | "assistant" | "tool";
  text: string;
  calls: { id: string; name: string; args: unknown }[];
  results: { id: string; text: string }[];
}

export interface OfferedTool {
  name: string;
  /** Codex groups the tools of an MCP server under a name of its own. */
  namespace?: string;
  /** JSON schema of the arguments; null for tools that take free text. */
  schema: JsonSchema | null;
  /** For a tool whose text is a program: what that can call (codex with its newest models). */
  nested?: string[];
}

export interface JsonSchema {
  type?: string | string[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  minimum?: number;
}
