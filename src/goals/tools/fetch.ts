import { type LookupAddress, lookup } from "node:dns";
import { request as overHttp } from "node:http";
import { request as overHttps } from "node:https";
import { BlockList, isIP, type LookupFunction } from "node:net";
import * as z from "zod";
import type { ModelTool } from "../../agents/index.ts";
import { capped } from "./place.ts";

const parameters = z.object({ url: z.url({ protocol: /^https?$/ }) });

const time = 30_000;
const largest = 2 * 2 ** 20;
const mostRedirects = 5;

/** @param isAllowed which addresses may be connected to. */
export function fetchTool(isAllowed: (address: string) => boolean = isPublic): ModelTool {
  return {
    ...{ name: "fetch", description: "Get the text of a public web address.", parameters },
    run: async (args, signal) => {
      let url = new URL((args as z.output<typeof parameters>).url);
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(time)]);
      for (let hop = 0; hop <= mostRedirects; hop++) {
        const { status, location, body } = await get(url, isAllowed, deadline);
        if (location === null)
          return { text: capped(`HTTP ${status}\n${body}`), ok: status < 400, exitCode: null };
        url = new URL(location, url);
        if (!/^https?:$/.test(url.protocol)) throw new Error(`it leads on to ${url.protocol}`);
      }
      throw new Error("it leads from one address to the next without an end");
    },
  };
}

function get(
  url: URL,
  isAllowed: (address: string) => boolean,
  signal: AbortSignal,
): Promise<{ status: number; location: string | null; body: string }> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const refusal = () => new Error(`${host} is no public address, and only public ones may be fetched`);
  // The address that was looked at is the one that is connected to: a name may change its mind in between.
  const guarded: LookupFunction = (name, options, callback) =>
    lookup(name, { ...options, all: true }, (error, found) => {
      const addresses = (found ?? []) as LookupAddress[];
      if (error) return callback(error, "", 0);
      if (addresses.length === 0 || !addresses.every(({ address }) => isAllowed(address)))
        return callback(refusal(), "", 0);
      const [first] = addresses as [LookupAddress];
      if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  return new Promise((resolve, reject) => {
    if (isIP(host) !== 0 && !isAllowed(host)) return reject(refusal());
    const ask = url.protocol === "https:" ? overHttps : overHttp;
    const sent = ask(url, { lookup: guarded, signal, agent: false }, (response) => {
      const status = response.statusCode ?? 0;
      const { location } = response.headers;
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size <= largest) chunks.push(chunk);
        else response.destroy(new Error(`it is longer than ${largest} bytes`));
      });
      response.once("error", reject);
      response.once("end", () =>
        resolve({
          status,
          location: status >= 300 && status < 400 && location ? location : null,
          body: Buffer.concat(chunks).toString("utf8"),
        }),
      );
    });
    sent.once("error", reject);
    sent.end();
  });
}

// IANA's registries of special-purpose addresses, as of 2025: what they do not call globally reachable, and what leads to
// other addresses. One list for each: in a common one an IPv4 address also counts as its IPv6 form.
const closed4 = new BlockList();
const closed6 = new BlockList();
for (const [address, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const)
  closed4.addSubnet(address, bits, "ipv4");
// Of IPv6 only 2000::/3 is public, and of that not what carries an IPv4 address or leads to one.
for (const [address, bits] of [
  ["::", 3],
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
  ["4000::", 2],
  ["8000::", 1],
] as const)
  closed6.addSubnet(address, bits, "ipv6");

/** Whether an address belongs to the public network: none of this machine, of a local network, of a cloud's own. */
export function isPublic(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !closed4.check(address, "ipv4");
  return family === 6 && !closed6.check(address, "ipv6");
}
