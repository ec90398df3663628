import { type LookupAddress, lookup } from "node:dns";
import { request as overHttp } from "node:http";
import { request as overHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import * as z from "zod";
import type { ModelTool } from "../../agents/index.ts";
import { isPublic } from "../../relay/index.ts";
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
