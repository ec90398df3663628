import type { AnyMessage, Stream } from "@agentclientprotocol/sdk/unstable";

/** The agent's two standard streams as ACP messages, one JSON object a line. */
export interface Wire {
  stream: Stream;
  /** A line that the agent printed. */
  line(text: string): void;
  /** The agent is gone: whatever still waits for an answer fails. */
  end(): void;
}

/**
 * What is no message (a banner, a warning, half a line, an answer to nothing that was asked) is handed to `noise` and
 * otherwise ignored: agents print such things, and none of it may end the turn or reach the user's terminal. For the
 * same reason updates do not go through the protocol library, which prints about those that it does not know.
 */
export function openWire(to: {
  /** Sends one line to the agent. */
  write: (line: string) => void;
  /** The parameters of a `session/update`, unchecked. */
  update: (params: unknown) => void;
  noise: (text: string) => void;
}): Wire {
  const asked = new Set<unknown>();
  let controller: ReadableStreamDefaultController<AnyMessage> | null = null;
  const readable = new ReadableStream<AnyMessage>({
    start: (given) => {
      controller = given;
    },
    cancel: () => {
      controller = null;
    },
  });
  const writable = new WritableStream<AnyMessage>({
    write: (message) => {
      if ("method" in message && "id" in message) asked.add(message.id);
      to.write(JSON.stringify(message));
    },
  });
  return {
    stream: { readable, writable },
    line(text) {
      if (text.trim() === "") return;
      const message = parsed(text);
      if (message === null) to.noise(text);
      else if ("method" in message && !("id" in message)) {
        if (message.method === "session/update") to.update(message.params);
        else to.noise(text);
      } else if ("method" in message || asked.delete(message.id)) controller?.enqueue(message);
      else to.noise(text);
    },
    end() {
      controller?.close();
      controller = null;
    },
  };
}

function parsed(text: string): AnyMessage | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const { method, id } = value as { method?: unknown; id?: unknown };
  const isCall = typeof method === "string";
  const isAnswer = method === undefined && id !== undefined && ("result" in value || "error" in value);
  return isCall || isAnswer ? (value as AnyMessage) : null;
}
