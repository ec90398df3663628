import { randomBytes } from "node:crypto";
import { createServer, request as requestHttp } from "node:http";
import type { Duplex } from "node:stream";
import type { Contract } from "../contract/index.ts";
import { UserError } from "../errors.ts";
import { type Door, type Level, openDoors } from "../sandbox/index.ts";
import { type Account, type ModelUse, openTab, type Tab, type Whole } from "./model/account.ts";
import { openAnswerer } from "./model/answerer.ts";
import type { Asker, Book } from "./model/book.ts";
import { type GrantedModel, grantedModel } from "./model/granted.ts";
import { nothingSpent, plus, type Spent } from "./model/meter.ts";
import { endToEnd, framing, refuse, statusOf } from "./passing.ts";
import type { Environment } from "./providers.ts";
import { openProxy, openResolver } from "./proxy.ts";

/** What an evaluation used of its grants: recorded with it. */
export interface Used {
  models: ModelUse[];
  /** Connections by `host:port`, to what is granted and to what is not. */
  reached: Record<string, number>;
  refused: Record<string, number>;
}

/** The way out of one process. */
export interface Way {
  door: Door;
  /** Variables by which clients find it. */
  env: Record<string, string>;
  /** Ends it, once the process is gone; everything is recorded then. */
  close(): Promise<void>;
}

/** The ways out of the processes of one evaluation. */
export interface EvaluationRelays {
  /**
   * @param role tells the processes of one evaluation apart, the same for both arms of a pair.
   * @returns null where nothing is granted that needs a way.
   */
  open(asker: Asker | "step", role: string, network: boolean | readonly string[]): Promise<Way | null>;
  used(): Used;
  /** The limit that was reached, and whether it is the session's; null: none was. */
  limit(): { words: string; session: boolean } | null;
}

/** A session's ways out: its models with what was spent on them. */
export interface Relays {
  /** @param seed the same for both arms of a pair. */
  begin(seed: number): EvaluationRelays;
  /** What all models of the session have cost until now. */
  spent(): Spent;
  /** The session's limit that leaves no room for another call; null: there is room. */
  full(): string | null;
  /** Limits of all spending, and what others than the models have spent. */
  whole: Whole;
  close(): void;
}

export interface RelaysOptions {
  contract: Contract;
  level: Level;
  book: Book;
  env: Environment;
  /** Finds the address of a name. Default: as the system does. */
  find?: (name: string) => Promise<string>;
}

/**
 * Opens a session's ways out.
 *
 * @throws UserError when a model cannot be asked: an unknown provider, a missing key, a limit of money without a price.
 */
export async function openRelays({ contract, level, book, env, find }: RelaysOptions): Promise<Relays> {
  const accounts = await Promise.all(
    contract.models.map((grant) => openAccount(grantedModel(grant, env), contract, book)),
  );
  const doors = openDoors(level);
  const resolve = openResolver(find);
  // Where a name leads before anything of a candidate runs is what the contract means.
  for (const host of namesIn(contract)) void resolve(host);
  const spent = () => accounts.reduce((sum, each) => plus(sum, each.spent), nothingSpent);
  const relays: Relays = {
    whole: { most: {}, elsewhere: nothingSpent },
    spent,
    full: () => accounts.map((account) => fullAccount(account)).find((words) => words !== null) ?? null,
    close: () => doors.close(),
    begin(seed) {
      const tabs = new Map<Account, Tab>(
        accounts.map((each) => [each, openTab(each.model, each.model.grant.to)]),
      );
      const [reached, refused] = [new Map<string, number>(), new Map<string, number>()];
      return {
        async open(asker, role, network) {
          const models = accounts.flatMap((account) =>
            account.model.grant.to === asker ? [{ account, tab: tabs.get(account) as Tab }] : [],
          );
          const hosts = typeof network === "boolean" ? [] : network;
          if (models.length === 0 && hosts.length === 0) return null;
          const door = await doors.take(network === true);
          const token = door.isPrivate ? null : `whet-${randomBytes(24).toString("hex")}`;
          const answerer = openAnswerer({
            ...{ models, book, token, asker: asker === "run" ? "run" : "score" },
            pair: JSON.stringify([seed, asker, role]),
            whole: () => ({ ...relays.whole, spent: spent() }),
          });
          const close = serve(door, {
            answerer,
            hosts,
            resolve,
            reached,
            refused,
            hasModels: models.length > 0,
          });
          return {
            door,
            env: {
              ...(models[0] ? modelVariables(door, token, models[0].account.model) : {}),
              ...(hosts.length > 0 ? proxyVariables(door) : {}),
            },
            async close() {
              // First of all nobody can ask any more: a process that outlived its run may hold a request half-sent.
              close();
              await answerer.close();
              door.close();
            },
          };
        },
        used: () => ({
          models: [...tabs.values()].map(({ use }) => use).filter(({ calls, refused: n }) => calls + n > 0),
          reached: Object.fromEntries(reached),
          refused: Object.fromEntries(refused),
        }),
        limit: () => [...tabs.values()].map(({ limit }) => limit).find((each) => each !== null) ?? null,
      };
    },
  };
  return relays;
}

/** The names of all lists of hosts of a contract. */
function namesIn({ budget, stages, setup, checks, score }: Contract): Set<string> {
  const lists = [budget, ...stages.map((stage) => stage.budget), setup, ...checks, score].map(
    (each) => each?.network,
  );
  return new Set(
    lists.flatMap((list) => (Array.isArray(list) ? list : [])).map((host) => host.replace(/:\d+$/, "")),
  );
}

async function openAccount(model: GrantedModel, contract: Contract, book: Book): Promise<Account> {
  const { grant } = model;
  const hasMoney = [grant.money, grant.session.money, contract.session.money].some(
    (each) => each !== undefined,
  );
  if (hasMoney && model.priced === null)
    throw new UserError(
      `model: ${grant.model}: what it costs is not known, so a limit of money could not be kept`,
      "limit `calls` or `tokens` instead of `money`",
    );
  return {
    model,
    spent: await book.spent(grant.to, grant.model),
    pending: nothingSpent,
    dearest: nothingSpent,
  };
}

function fullAccount({ model: { grant }, spent }: Account): string | null {
  const { calls, tokens, money } = grant.session;
  const limit =
    calls !== undefined && spent.calls >= calls
      ? `${calls} calls`
      : tokens !== undefined && spent.tokens >= tokens
        ? `${tokens} tokens`
        : money !== undefined && spent.dollars >= money
          ? `$${money}`
          : null;
  return limit === null ? null : `model ${grant.model}: the limit of ${limit} for the session is reached`;
}

/** One server answers for the model and as a proxy: there is one door. */
function serve(
  door: Door,
  way: {
    answerer: ReturnType<typeof openAnswerer>;
    hosts: readonly string[];
    resolve: ReturnType<typeof openResolver>;
    reached: Map<string, number>;
    refused: Map<string, number>;
    hasModels: boolean;
  },
): () => void {
  const count = (map: Map<string, number>, host: string) => {
    // A candidate may try as many names as it likes: the record stays short.
    if (map.size < 50 || map.has(host)) map.set(host.slice(0, 200), (map.get(host.slice(0, 200)) ?? 0) + 1);
  };
  const proxy = openProxy({
    hosts: way.hosts,
    refusal: (host) => `${host} is not granted: add it to \`network\` in program.md`,
    resolve: way.resolve,
    onReached: (host) => count(way.reached, host),
    onRefused: (host) => count(way.refused, host),
    pass: (to, path, incoming, outgoing, address) => {
      const onward = requestHttp({
        ...{ host: address, port: to.port || 80, path, method: incoming.method },
        headers: { ...endToEnd(incoming.headers), ...framing(incoming.headers), host: to.host },
      });
      onward.once("response", (answer) => {
        outgoing.writeHead(statusOf(answer.statusCode), endToEnd(answer.headers));
        answer.pipe(outgoing);
        answer.once("error", () => outgoing.destroy());
      });
      onward.once("error", (error) => {
        if (outgoing.headersSent) outgoing.destroy();
        else refuse(outgoing, 502, `${to.host} cannot be reached: ${error.message}`);
      });
      outgoing.once("close", () => onward.destroy());
      incoming.pipe(onward);
    },
  });
  const server = createServer((incoming, outgoing) => {
    outgoing.on("error", () => {});
    const url = incoming.url ?? "/";
    if (!url.startsWith("/")) proxy.request(url, incoming, outgoing);
    else if (way.hasModels) way.answerer.answer(incoming, outgoing);
    else refuse(outgoing, 404, "no model is granted here: this is the proxy to the hosts of `network`");
  });
  server.on("connect", (incoming, inside: Duplex, head: Buffer) => proxy.connect(incoming, inside, head));
  server.on("clientError", (_, socket) => socket.destroy());
  // Models may think for long before they answer; the run has a limit of its own.
  server.requestTimeout = 0;
  server.listen(door.socket);
  return () => {
    server.closeAllConnections();
    proxy.close();
    server.close();
  };
}

/** Where the official clients of both wires look for address and key. */
function modelVariables(
  { port }: Door,
  token: string | null,
  { name }: GrantedModel,
): Record<string, string> {
  const base = `http://127.0.0.1:${port}`;
  const key = token ?? "held-by-whetstone";
  return {
    ...{ OPENAI_BASE_URL: `${base}/v1`, OPENAI_API_BASE: `${base}/v1`, OPENAI_API_KEY: key },
    ...{ ANTHROPIC_BASE_URL: base, ANTHROPIC_API_KEY: key },
    WHETSTONE_MODEL: name,
  };
}

function proxyVariables({ port }: Door): Record<string, string> {
  const both = (name: string, value: string) => ({ [name]: value, [name.toLowerCase()]: value });
  const proxy = `http://127.0.0.1:${port}`;
  return {
    ...both("HTTP_PROXY", proxy),
    ...both("HTTPS_PROXY", proxy),
    ...both("ALL_PROXY", proxy),
    ...both("NO_PROXY", "localhost,127.0.0.1,::1"),
    // Node takes the others from 24 on, and only when it is told to.
    NODE_USE_ENV_PROXY: "1",
  };
}

/** The way out of a step that belongs to no evaluation, such as the setup; null where it needs none. */
export async function openStepWay(
  contract: Contract,
  level: Level,
  network: boolean | readonly string[],
): Promise<Way | null> {
  if (typeof network === "boolean") return null;
  const book: Book = { spent: async () => nothingSpent, find: async () => null, add: async () => {} };
  const relays = await openRelays({ contract: { ...contract, models: [] }, level, book, env: {} });
  const way = await relays.begin(0).open("step", "step", network);
  // Nobody takes another door: none is made ready.
  relays.close();
  return way;
}
