import { mkdtempSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openDesk } from "../mcp/index.ts";
import { openHatch } from "./server.ts";

async function opened() {
  const folder = mkdtempSync(join(tmpdir(), "whet-hatch-"));
  const socket = join(folder, "socket");
  const close = await openHatch({
    ...{ desk: openDesk(folder), socket, version: "0", names: [folder], listener: () => () => {} },
    onFault: (error) => {
      throw error;
    },
  });
  return { socket, close };
}

describe("the hatch", () => {
  it("ends at once though somebody has connected and said nothing", { timeout: 30_000 }, async () => {
    const { socket, close } = await opened();
    const connection = connect(socket);
    await new Promise((connected) => connection.once("connect", connected));
    const closed = new Promise((gone) => connection.once("close", gone));
    connection.resume();
    await close();
    await closed;
  });

  it("answers an unknown request with what is wrong and exit code 2", async () => {
    const { socket, close } = await opened();
    const connection = connect(socket);
    connection.write(`${JSON.stringify({ ask: "finalize" })}\n`);
    let answer = "";
    for await (const chunk of connection) answer += String(chunk);
    expect(answer).toContain("may not ask for this");
    expect(JSON.parse(answer.trim().split("\n").at(-1) as string)).toEqual({ exit: 2 });
    await close();
  });
});
