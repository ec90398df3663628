import { type GrantHint, type HintFacts, type Opening, plain } from "./facts.ts";

const hostName = String.raw`([A-Za-z0-9](?:[\w-]*\.)+[A-Za-z][\w-]*)`;
/** Each finds a host and, where the message has one, a port. */
const withHost = [
  new RegExp(`could not resolve host:? '?${hostName}`, "i"),
  new RegExp(String.raw`getaddrinfo (?:EAI_AGAIN|ENOTFOUND) ${hostName}(?::(\d+))?`),
  new RegExp(String.raw`host=['"]${hostName}['"], port=(\d+)`),
  new RegExp(`lookup ${hostName}(?::| on )`),
  new RegExp(`unable to resolve host(?: address)? ['‘"]?${hostName}`, "i"),
  new RegExp(`UnknownHostException: ${hostName}`),
  new RegExp(`Temporary failure resolving '${hostName}'`),
  new RegExp(String.raw`Cannot connect to host ${hostName}:(\d+)`),
  new RegExp(`Could not connect to (?:server )?'?${hostName}`, "i"),
];
const anyHost =
  /could not resolve host|\bEAI_AGAIN\b|\bENOTFOUND\b|name or service not known|temporary failure in name resolution|nodename nor servname|network is unreachable|ENETUNREACH|failed to lookup address|UnknownHostException|dial tcp: lookup|failed to establish a new connection/i;
const refused =
  /(?:ECONNREFUSED|connection refused)(?:[^\n]*?(127\.0\.0\.1|localhost|::1|\d+\.\d+\.\d+\.\d+)\]?[ :](?:port )?(\d+))?|(127\.0\.0\.1|localhost)[ :](?:port )?(\d+)[^\n]*(?:ECONNREFUSED|refused)/i;

/** Connections that the closed network ended. */
export function closedNetwork(facts: HintFacts): GrantHint[] {
  if (facts.level === "L0" || granted(facts)) return [];
  for (const pattern of withHost) {
    const found = pattern.exec(facts.log);
    if (found)
      return [
        hint(
          facts,
          `${found[1]}:${found[2] ?? portOf(`${facts.command}\n${facts.log}`, found[1] as string)}`,
        ),
      ];
  }
  const local = refused.exec(facts.log);
  // With a model the refused port may be the relay's own, which no grant opens any wider.
  if (local && facts.contract.models.length === 0)
    return [refusal(facts, local[1] ?? local[3], local[2] ?? local[4])];
  return anyHost.test(facts.log) ? [hint(facts, true)] : [];
}

/** The port that belongs to the scheme with which a text names a host. */
function portOf(text: string, host: string): number {
  return text.includes(`http://${host}`) ? 80 : 443;
}

function hint(facts: HintFacts, add: string | true): GrantHint {
  return {
    what:
      add === true
        ? "the command wanted the network, which is closed"
        : `the command wanted to connect to ${add}, and the network is closed`,
    grant: networkGrant(facts, add),
    write: `\`${line(facts, add)}\``,
  };
}

/** In a network of its own the command meets nobody: a server of the user's is not there, one of its own would be. */
function refusal(facts: HintFacts, address?: string, port?: string): GrantHint {
  const isLocal = address === undefined || /^(127\.|localhost|::1)/.test(address);
  const place = isLocal || port === undefined ? true : `${address}:${port}`;
  const { what, ...rest } = hint(facts, place);
  return {
    what: isLocal
      ? "a connection was refused: the sandbox has a loopback of its own, so a server must be started by the command itself"
      : what,
    ...rest,
  };
}

function networkGrant({ part }: HintFacts, add: string | true): Opening {
  const of = part === "score" || part === "setup" ? part : "budget";
  return { key: "network", of, add };
}

function line(facts: HintFacts, add: string | true): string {
  const value = add === true ? "true" : `[${plain(add)}]`;
  const { part, contract } = facts;
  if (part === "score") return `score: {command: ..., network: ${value}}`;
  if (part === "setup") return `setup: {run: ..., network: ${value}}`;
  return `budget: {time: ${contract.budget.time / 1000}s, network: ${value}}`;
}

function granted({ part, contract }: HintFacts): boolean {
  const network =
    part === "score"
      ? contract.score?.network
      : part === "setup"
        ? contract.setup?.network
        : contract.budget.network;
  return network === true;
}
