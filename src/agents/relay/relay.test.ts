import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { allowed } from "../../relay/index.ts";
import { openRelay, type ProviderAnswer, type Relay, type RelayOptions } from "./relay.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function serve(handle: (incoming: IncomingMessage, outgoing: ServerResponse) => unknown): Promise<URL> {
  const server: Server = createServer((incoming, outgoing) => void handle(incoming, outgoing));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

async function relayTo(to: URL, more: Partial<RelayOptions> = {}): Promise<Relay & { url: string }> {
  const relay = await openRelay({
    routes: [{ path: "", to, secret: { token: "TOKEN", key: "real-key" }, provider: true }],
    hosts: [],
    ...more,
  });
  closing.push(() => relay.close());
  return Object.assign(Object.create(relay) as Relay, { url: `http://127.0.0.1:${relay.port}` });
}

const echo = (seen: IncomingMessage[]) => (incoming: IncomingMessage, outgoing: ServerResponse) => {
  seen.push(incoming);
  incoming.pipe(outgoing.writeHead(200, { "x-own": "yes" }));
};

describe("the relay between an agent and its model", () => {
  it.each([
    ["authorization", { authorization: "Bearer TOKEN" }, "/messages", { authorization: "Bearer real-key" }],
    ["x-api-key", { "x-api-key": "TOKEN" }, "/messages", { "x-api-key": "real-key" }],
    ["the query", {}, "/messages?key=TOKEN&alt=sse", {}],
  ] as const)(
    "puts the key in place of the token in %s, and passes body and path on",
    async (_, headers, path, expected) => {
      const seen: IncomingMessage[] = [];
      const to = await serve(echo(seen));
      const { url } = await relayTo(new URL("/base/v1", to));
      const answer = await fetch(`${url}${path}`, { method: "POST", headers, body: "the body" });
      expect([answer.status, answer.headers.get("x-own"), await answer.text()]).toEqual([
        200,
        "yes",
        "the body",
      ]);
      expect(seen[0]?.url).toBe(`/base/v1${path.replace("TOKEN", "real-key")}`);
      expect(seen[0]?.headers).toMatchObject({ ...expected, host: to.host });
      expect(JSON.stringify(seen[0]?.headers)).not.toContain("TOKEN");
    },
  );

  it("lets nobody through who has not the token", async () => {
    const seen: IncomingMessage[] = [];
    const { url } = await relayTo(await serve(echo(seen)));
    const answer = await fetch(`${url}/messages`, { headers: { authorization: "Bearer guess" } });
    expect([answer.status, seen.length]).toEqual([401, 0]);
  });

  it("passes a stream on piece by piece, as it comes", async () => {
    const to = await serve(async (_, outgoing) => {
      outgoing.writeHead(200, { "content-type": "text/event-stream" });
      for (const piece of ["one", "two", "three"]) {
        outgoing.write(`data: ${piece}\n\n`);
        await sleep(150);
      }
      outgoing.end();
    });
    const { url } = await relayTo(to);
    const answer = await fetch(url, { headers: { "x-api-key": "TOKEN" } });
    const arrivals: number[] = [];
    for await (const _ of answer.body as unknown as AsyncIterable<Uint8Array>)
      arrivals.push(performance.now());
    expect(arrivals).toHaveLength(3);
    expect((arrivals[2] as number) - (arrivals[0] as number)).toBeGreaterThan(200);
  });

  it("breaks an answer off where the provider does", async () => {
    const answers: ProviderAnswer[] = [];
    const to = await serve((_, outgoing) => {
      outgoing.writeHead(200, { "content-length": "100" });
      outgoing.write("half");
      setTimeout(() => outgoing.destroy(), 20);
    });
    const { url } = await relayTo(to, { onAnswer: (answer) => answers.push(answer) });
    const answer = await fetch(url, { headers: { "x-api-key": "TOKEN" } });
    await expect(answer.text()).rejects.toThrow();
    expect(answers).toMatchObject([{ status: 0 }]);
  });

  it.each([
    ["seconds", { "retry-after": "7" }, "no", 7000],
    ["milliseconds", { "retry-after-ms": "1500" }, "no", 1500],
    [
      "a date",
      { "retry-after": new Date(Date.now() + 60_000).toUTCString() },
      "no",
      expect.closeTo(60_000, -4),
    ],
    ["Google's details", {}, '{"details":[{"retryDelay":"36s"}]}', 36_000],
    ["nothing", {}, "no", null],
  ])("tells how a request ended, and when to come again by %s", async (_, headers, body, retryAfterMs) => {
    const answers: ProviderAnswer[] = [];
    const to = await serve((_incoming, outgoing) => {
      outgoing.writeHead(429, { ...headers, "content-encoding": "gzip" }).end(gzipSync(body));
    });
    const { url } = await relayTo(to, { onAnswer: (answer) => answers.push(answer) });
    expect(await (await fetch(url, { headers: { "x-api-key": "TOKEN" } })).text()).toBe(body);
    expect(answers).toEqual([{ status: 429, retryAfterMs, message: body }]);
  });

  it("tells of a provider that cannot be reached, and of none that the agent itself gave up", async () => {
    const answers: ProviderAnswer[] = [];
    const onAnswer = (answer: ProviderAnswer) => answers.push(answer);
    const gone = await relayTo(new URL("http://127.0.0.1:1"), { onAnswer });
    expect((await fetch(gone.url, { headers: { "x-api-key": "TOKEN" } })).status).toBe(502);
    expect(answers).toMatchObject([{ status: 0, message: expect.stringContaining("ECONNREFUSED") }]);

    const silent = await relayTo(await serve(() => {}), { onAnswer });
    const gaveUp = fetch(silent.url, { headers: { "x-api-key": "TOKEN" }, signal: AbortSignal.timeout(100) });
    await sleep(50);
    expect(silent.open).toBe(1);
    await expect(gaveUp).rejects.toThrow();
    await sleep(50);
    expect([silent.open, answers.length]).toEqual([0, 1]);
  });

  it("leads a path of its own elsewhere", async () => {
    const seen: IncomingMessage[] = [];
    const other = await serve(echo(seen));
    const { url } = await relayTo(new URL("http://127.0.0.1:1"), {
      routes: [
        { path: "", to: new URL("http://127.0.0.1:1"), provider: true },
        { path: "/-/mcp", to: new URL("/mcp", other), provider: false },
      ],
    });
    expect((await fetch(`${url}/-/mcp?x=1`, { headers: { authorization: "Bearer own" } })).status).toBe(200);
    expect([seen[0]?.url, seen[0]?.headers.authorization]).toEqual(["/mcp?x=1", "Bearer own"]);
  });

  it("connects to allowed hosts, by CONNECT or as a proxy, and to no other", async () => {
    const refused: string[] = [];
    const seen: IncomingMessage[] = [];
    const to = await serve(echo(seen));
    const relay = await relayTo(to, { hosts: [to.host], onRefused: (host) => refused.push(host) });

    expect(await tunnel(relay.port, to.host)).toContain("HTTP/1.1 200");
    expect(await tunnel(relay.port, "example.com:443")).toContain("HTTP/1.1 403");
    expect(await tunnel(relay.port, `127.0.0.1:${Number(to.port) + 1}`)).toContain("HTTP/1.1 403");
    expect(await proxied(relay.port, `${to.href}x?y=1`)).toBe(200);
    expect(await proxied(relay.port, "http://example.com/")).toBe(403);
    expect(seen.map(({ url }) => url)).toEqual(["/x?y=1"]);
    expect(refused).toEqual(["example.com:443", `127.0.0.1:${Number(to.port) + 1}`, "example.com"]);
  });

  it("listens on a socket that only this user can open", async () => {
    const folder = mkdtempSync(join(tmpdir(), "whet-relay-"));
    closing.push(async () => rmSync(folder, { recursive: true }));
    const to = await serve(echo([]));
    const socket = join(folder, "relay.sock");
    await relayTo(to, { socket });
    const status = await new Promise((done) =>
      request({ socketPath: socket, headers: { "x-api-key": "TOKEN" } }, (answer) =>
        done(answer.statusCode),
      ).end(),
    );
    expect(status).toBe(200);
  });

  it("allows a host by its name at the web's ports only, and a port where it is named", () => {
    expect(allowed(["Example.com"], "example.COM", 443)).toBe(true);
    expect(allowed(["example.com"], "example.com", 22)).toBe(false);
    expect(allowed(["example.com:22"], "example.com", 22)).toBe(true);
    expect(allowed(["example.com:22"], "example.com", 443)).toBe(false);
    fc.assert(
      fc.property(fc.domain(), fc.domain(), fc.nat(65_535), (name, other, port) => {
        fc.pre(name !== other);
        expect(allowed([name, `${name}:1`], other, port)).toBe(false);
        expect(allowed([name], `${name}.${other}`, port)).toBe(false);
      }),
    );
  });
});

/** The first line of the answer to CONNECT. */
function tunnel(port: number, to: string): Promise<string> {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1", () =>
      socket.write(`CONNECT ${to} HTTP/1.1\r\nhost: ${to}\r\n\r\n`),
    );
    socket.once("data", (chunk) => {
      socket.destroy();
      done(chunk.toString());
    });
  });
}

function proxied(port: number, path: string): Promise<number | undefined> {
  return new Promise((done) => {
    request({ host: "127.0.0.1", port, path }, (answer) => {
      answer.resume();
      done(answer.statusCode);
    }).end();
  });
}

describe("an agent that attacks the relay", () => {
  const key = "sk-real-key-of-the-user";
  const told = (text: string, port: number, then?: (socket: Socket) => void) =>
    new Promise<string>((done) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.write(text);
        then?.(socket);
      });
      let answer = "";
      socket.on("data", (data) => {
        answer += String(data);
      });
      socket.on("error", () => {});
      socket.on("close", () => done(answer));
    });
  const open = async (handle: Parameters<typeof serve>[0], more: Partial<RelayOptions> = {}) => {
    const to = await serve(handle);
    const routes = [{ path: "", to, secret: { token: "TOKEN", key }, provider: true }];
    return relayTo(to, { routes, ...more });
  };

  it("does not end the session by going away before it is refused", async () => {
    const uncaught: unknown[] = [];
    const note = (error: unknown) => uncaught.push(error);
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException").on("uncaughtException", note);
    closing.push(async () => {
      process.off("uncaughtException", note);
      for (const other of others) process.on("uncaughtException", other);
    });
    const relay = await open((_, outgoing) => outgoing.end());
    const connectTo = "CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: x\r\n\r\n";
    for (let time = 0; time < 20; time++)
      await told(connectTo, relay.port, (socket) => setImmediate(() => socket.resetAndDestroy()));
    await sleep(50);
    expect(uncaught).toEqual([]);
  });

  it.each([
    [
      "chunks",
      "Transfer-Encoding: chunked",
      (body: string) => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    ],
    [
      "a length that it takes back",
      "Content-Length: 48\r\nConnection: close, content-length",
      (body: string) => body,
    ],
  ])("smuggles no second request in the body of a GET, with %s", async (_, header, framed) => {
    const seen: string[] = [];
    const relay = await open((incoming, outgoing) => {
      let body = "";
      incoming.on("data", (data) => {
        body += String(data);
      });
      incoming.on("end", () => {
        seen.push(`${incoming.method} ${incoming.url} ${body.length}`);
        outgoing.end("ok");
      });
    });
    const second = "POST /smuggled HTTP/1.1\r\nHost: other\r\nX: yes\r\n\r\n";
    await told(
      `GET /a HTTP/1.1\r\nHost: x\r\nx-api-key: TOKEN\r\n${header}\r\n\r\n${framed(second)}`,
      relay.port,
      (socket) => setTimeout(() => socket.end(), 200),
    );
    expect(seen).toEqual([`GET /a ${second.length}`]);
  });

  it.each([
    ["the path", "GET /models/TOKEN", ""],
    ["another parameter", "GET /models?name=TOKEN", ""],
    ["any other header", "GET /models", "x-request-id: TOKEN\r\n"],
    ["part of a header for keys", "GET /models", "authorization: Bearer aTOKEN\r\n"],
    ["a request that asks for itself", "TRACE /models", "x-api-key: TOKEN\r\n"],
  ])("does not get the key put into %s", async (_, line, header) => {
    const seen: IncomingMessage[] = [];
    const relay = await open(echo(seen));
    const answer = await told(
      `${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${header}\r\n`,
      relay.port,
    );
    expect(answer).toMatch(/^HTTP\/1.1 40[15] /);
    expect(seen).toEqual([]);
  });

  it("is not told the key by a provider that says it back, in pieces or packed, and nor is anybody else", async () => {
    const answers: ProviderAnswer[] = [];
    const relay = await open(
      async (incoming, outgoing) => {
        const given = String(incoming.headers["x-api-key"]);
        const packed = incoming.headers["accept-encoding"] !== "identity";
        outgoing.writeHead(400, { "x-given": given, location: `/?key=${given}` });
        for (const letter of packed ? [gzipSync(given)] : `wrong: ${given}${given}!`) {
          outgoing.write(letter);
          await sleep(1);
        }
        outgoing.end();
      },
      { onAnswer: (answer) => answers.push(answer) },
    );
    const answer = await fetch(relay.url, { headers: { "x-api-key": "TOKEN" } });
    const stars = "*".repeat(key.length);
    expect(await answer.text()).toBe(`wrong: ${stars}${stars}!`);
    expect([...answer.headers.values()].join("\n")).not.toContain(key);
    expect(answers).toMatchObject([{ status: 400, message: `wrong: ${stars}${stars}!` }]);
  });

  it("changes nothing else of an answer, wherever it is cut", async () => {
    const text = `s sk sk-real sk-real-key-of-the-use ${"x".repeat(50)}sk-`;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(text.length), { maxLength: 4 }), async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), text.length];
        const relay = await open(async (_, outgoing) => {
          for (const [index, begin] of at.entries()) {
            outgoing.write(text.slice(begin, at[index + 1]));
            await sleep(1);
          }
          outgoing.end();
        });
        const answer = await fetch(relay.url, { headers: { "x-api-key": "TOKEN" } });
        expect(await answer.text()).toBe(text);
      }),
      { numRuns: 10 },
    );
  });

  it("hears nothing of a key that cannot be a header", async () => {
    const relay = await open((_, outgoing) => outgoing.end(), {
      routes: [
        {
          ...{ path: "", to: new URL("http://127.0.0.1:1"), provider: true },
          secret: { token: "TOKEN", key: `${key}\n` },
        },
      ],
    });
    const answer = await fetch(relay.url, { headers: { "x-api-key": "TOKEN" } });
    expect([answer.status, await answer.text()]).toEqual([400, expect.not.stringContaining(key)]);
  });
});
