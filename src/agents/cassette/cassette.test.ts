import { mkdtempSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { type Cassette, openCassette } from "./cassette.ts";
import { askedOf, type Json } from "./exchange.ts";

const open: (Cassette | { close(): unknown })[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

const key = "sk-very-secret-1234";
/** A stream with characters of several bytes, cut in the middle of one. */
const stream = Buffer.from('data: {"delta":"Grüße 👋"}\n\ndata: [DONE]\n\n');

async function provider(
  answer: (count: number) => Buffer = () => stream,
): Promise<{ url: URL; asked: string[] }> {
  const asked: string[] = [];
  const server: Server = createServer((incoming, outgoing) => {
    const parts: Buffer[] = [];
    incoming.on("data", (part: Buffer) => parts.push(part));
    incoming.on("end", () => {
      asked.push(Buffer.concat(parts).toString());
      outgoing.writeHead(200, { "content-type": "text/event-stream", "set-cookie": "session=1" });
      const bytes = answer(asked.length);
      outgoing.write(bytes.subarray(0, 21));
      setTimeout(() => outgoing.end(bytes.subarray(21)), 20);
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  open.push(server);
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/base`), asked };
}

function newFile(): string {
  return join(mkdtempSync(join(tmpdir(), "cassette-")), "a.jsonl.gz");
}

async function opened(...options: Parameters<typeof openCassette>): Promise<Cassette> {
  const cassette = await openCassette(...options);
  open.push(cassette);
  return cassette;
}

async function post(cassette: Cassette, body: unknown, path = "/v1/chat/completions"): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  return fetch(`${cassette.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
}

const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer());

describe("a cassette", () => {
  it("gives back a provider's answer byte for byte, without the provider", async () => {
    const { url } = await provider();
    const file = newFile();
    const recorder = await opened({ file, record: { to: url, about: "a test" } });
    const live = await post(recorder, { model: "m", seed: 1 });
    expect(await bytesOf(live)).toEqual(stream);

    const player = await opened({ file });
    expect(player.about).toBe("a test");
    const again = await post(player, { seed: 1, model: "m" });
    expect(await bytesOf(again)).toEqual(stream);
    expect(again.headers.get("content-type")).toBe("text/event-stream");
    expect([player.misses, player.left]).toEqual([[], 0]);
  });

  it("keeps no key, wherever one stands, and no other header", async () => {
    const { url } = await provider(() => Buffer.from(`data: you sent ${key}, did you?\n\n`));
    const file = newFile();
    const recorder = await opened({ file, record: { to: url, about: "" } });
    await bytesOf(await post(recorder, { text: `my key is ${key}` }, `/v1/x?key=${key}&alt=sse`));
    const kept = gunzipSync(readFileSync(file)).toString();
    expect(kept).not.toContain(key);
    expect(kept).not.toContain("session=1");
    expect(kept).toContain("alt=sse");
  });

  it("answers the same question in the order in which it was asked, and then no more", async () => {
    const { url } = await provider((count) => Buffer.from(`answer number ${count}, and no other one`));
    const file = newFile();
    const recorder = await opened({ file, record: { to: url, about: "" } });
    for (const _ of [1, 2]) await bytesOf(await post(recorder, { q: 1 }));
    const player = await opened({ file });
    expect(await (await post(player, { q: 1 })).text()).toContain("number 1");
    expect(player.left).toBe(1);
    expect(await (await post(player, { q: 1 })).text()).toContain("number 2");
    const third = await post(player, { q: 1 });
    expect(third.status).toBe(400);
    expect(player.misses).toEqual([expect.stringContaining("all of its answers were given already")]);
  });

  it("names where a request that it does not know differs from the nearest one", async () => {
    const { url } = await provider();
    const file = newFile();
    const recorder = await opened({ file, record: { to: url, about: "" } });
    const messages = (last: string) => ({
      messages: [
        { role: "system", text: "be kind" },
        { role: "user", text: last },
      ],
    });
    await bytesOf(await post(recorder, messages("good morning")));
    await bytesOf(await post(recorder, { other: true }));
    const player = await opened({ file });
    const missed = await post(player, messages("good evening"));
    expect(missed.status).toBe(400);
    expect(await missed.text()).toContain("messages[1].text");
    expect(player.misses[0]).toMatch(/recorded "good morning", asked "good evening"/);
    await post(player, messages("good morning"), "/v2/elsewhere");
    expect(player.misses[1]).toContain("nothing was recorded of POST /v2/elsewhere");
  });

  it("asks the provider only for what is not on record when a recording goes on", async () => {
    const { url, asked } = await provider();
    const file = newFile();
    const first = await opened({ file, record: { to: url, about: "once" } });
    await bytesOf(await post(first, { q: 1 }));
    const second = await opened({ file, record: { to: url, about: "twice" } });
    await bytesOf(await post(second, { q: 1 }));
    await bytesOf(await post(second, { q: 2 }));
    expect(asked).toHaveLength(2);
    expect(second.about).toBe("once");
  });

  it("keeps answers that are no text", async () => {
    const noText = Buffer.from([...Array(256).keys()]);
    const { url } = await provider(() => noText);
    const file = newFile();
    const recorder = await opened({ file, record: { to: url, about: "" } });
    await bytesOf(await post(recorder, {}));
    expect(await bytesOf(await post(await opened({ file }), {}))).toEqual(noText);
  });

  it("refuses what is no cassette", async () => {
    await expect(openCassette({ file: newFile() })).rejects.toThrow(/is no cassette/);
  });
});

describe("requests are compared", () => {
  it("without regard to the order of keys, to time, to place", () => {
    const asked = (body: unknown, place: string) =>
      askedOf("POST", "/v1/x?b=2&a=1&key=k", JSON.stringify(body), { places: { [place]: "<here>" } });
    const one = asked({ a: 1, b: { c: "in /tmp/one/x at 2026-11-21T10:00:00.5Z, 12.5 ms" } }, "/tmp/one");
    const two = asked({ b: { c: "in /tmp/two/x at 2025-01-01T00:00:00Z, 8 ms" }, a: 1 }, "/tmp/two");
    expect(one).toEqual(two);
    expect(one.path).toBe("/v1/x?a=1&b=2");
  });

  it("without regard to when files were changed, and to where a runtime was when it failed", () => {
    const asked = (day: string, stack: string) =>
      askedOf(
        "POST",
        "/",
        JSON.stringify({ a: `-rw-r--r-- 1 a a 12 ${day} b.csv`, b: `Error: no${stack}\n\nEnd` }),
        {},
      );
    const one = asked("Nov 21 11:52", "\n    at run (node:vm:1:2)\n    at load (node:cjs:3:4)");
    expect(asked("Jan  3 09:01", "\n    at other (node:vm:5:6)")).toEqual(one);
    expect(asked("Jan  3 09:01", "")).not.toEqual(one);
  });

  it("without regard to what `ls -l` says of a machine: rights, links, owners, sizes", () => {
    const asked = (listing: string) => askedOf("POST", "/", JSON.stringify({ a: listing }), {});
    const one = asked(
      "total 16\ndrwxr-xr-x 10 root root 280 Nov 21 11:52 ..\n-rw-r--r-- 1 root root 9 Nov 21 11:52 a.csv",
    );
    const two = asked(
      "total 0\ndrwxrwxr-x. 9 ann staff 4,096 Jan  3 09:01 ..\n-rw-rw-r-- 1 ann staff 9 Jan  3 09:01 a.csv",
    );
    expect(two).toEqual(one);
    expect(
      asked("total 0\ndrwxr-xr-x 9 a a 9 Jan  3 09:01 ..\n-rw-r--r-- 1 a a 9 Jan  3 09:01 b.csv"),
    ).not.toEqual(one);
  });

  it("so that any two different documents without such things differ", () => {
    const document = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as Json);
    const sorted = (value: Json): Json =>
      Array.isArray(value)
        ? value.map(sorted)
        : value !== null && typeof value === "object"
          ? Object.fromEntries(
              Object.entries(value)
                .sort(([a], [b]) => (a < b ? -1 : 1))
                .map(([k, v]) => [k, sorted(v)]),
            )
          : value;
    fc.assert(
      fc.property(document, document, (a, b) => {
        const keyOf = (value: Json) => askedOf("POST", "/", JSON.stringify(value), {}).key;
        expect(keyOf(a) === keyOf(b)).toBe(JSON.stringify(sorted(a)) === JSON.stringify(sorted(b)));
      }),
    );
  });
});
