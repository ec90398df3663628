import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Finished, program, repository } from "./support/lab.ts";
import { query } from "./support/ledger.ts";

const waits = 240_000;

/** Runs a command for which `mirror.test` and `other.test` are this machine: in a mount namespace of its own. */
const named = (folder: string) => [
  ...[
    "unshare",
    ...(process.getuid?.() === 0 ? [] : ["--user", "--map-current-user", "--keep-caps"]),
    "--mount",
  ],
  ...["sh", "-c", 'mount --bind "$1" /etc/hosts && shift && exec "$@"', "sh", join(folder, "hosts")],
];

const hosts = mkdtempSync(join(tmpdir(), "whet-hosts-"));
writeFileSync(join(hosts, "hosts"), "127.0.0.1 localhost mirror.test other.test\n");
const canName = spawnSync(named(hosts)[0] as string, [...named(hosts).slice(1), "true"]).status === 0;

let web: Server;
const echo = createSocket((socket) => socket.pipe(socket));
let [webPort, echoPort] = [0, 0];
beforeAll(async () => {
  web = createServer((incoming, outgoing) => {
    if (incoming.url === "/moved")
      outgoing.writeHead(302, { location: `http://other.test:${webPort}/secret` }).end();
    else outgoing.end(`${incoming.method} ${incoming.url} of ${incoming.headers.host}`);
  });
  await new Promise<void>((done) => web.listen(0, "127.0.0.1", done));
  await new Promise<void>((done) => echo.listen(0, "127.0.0.1", done));
  [webPort, echoPort] = [web, echo].map((each) => (each.address() as AddressInfo).port) as [number, number];
});
afterAll(() => {
  web.close();
  echo.close();
  rmSync(hosts, { recursive: true, force: true });
});

function whet(lab: string, ...args: string[]): Promise<Finished> {
  const [first = "", ...rest] = named(hosts);
  const bin = join(import.meta.dirname, "..", "bin", "whet.cjs");
  const child = spawn(first, [...rest, process.execPath, bin, ...args], {
    cwd: lab,
    env: { ...process.env, NO_COLOR: "1" },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((finished) => child.on("close", (code) => finished({ code, stdout, stderr })));
}

/** What a script does that knows the usual variables: the standard library, and a tunnel by hand. */
const tries = `import json, os, socket, urllib.error, urllib.request
from urllib.parse import urlparse

def get(url):
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code
    except OSError as error:
        return "closed"

def tunnel(to):
    proxy = urlparse(os.environ["HTTPS_PROXY"])
    with socket.create_connection((proxy.hostname, proxy.port), 20) as stream:
        stream.sendall(f"CONNECT {to} HTTP/1.1\\r\\nhost: {to}\\r\\n\\r\\n".encode())
        head = stream.recv(4096).decode()
        if " 200 " not in head:
            return int(head.split()[1])
        stream.sendall(b"through")
        return stream.recv(100).decode()

def direct(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
        return "open"
    except OSError:
        return "closed"

web, echo = int(os.environ["WEB"]), int(os.environ["ECHO"])
print(json.dumps({
    "plain": get(f"http://mirror.test:{web}/page?q=1"),
    "tunnel": tunnel(f"mirror.test:{echo}"),
    "unlisted": get(f"http://other.test:{web}/"),
    "port": tunnel(f"other.test:{echo}"),
    "moved": get(f"http://mirror.test:{web}/moved"),
    "literal": tunnel(f"127.0.0.1:{echo}"),
    "metadata": get("http://169.254.169.254/latest/meta-data/"),
    "direct": direct(web),
}))
print("score: 1")
`;

describe.runIf(canName)("a list of hosts", () => {
  it("lets a run reach these alone, by name and port, whoever else is there; what it tried is recorded", {
    timeout: waits,
  }, async () => {
    const lab = repository({
      "program.md": program(
        `metric: score
direction: maximize
change: [tries.py]
run: python3 tries.py
env: [{WEB: "${webPort}"}, {ECHO: "${echoPort}"}]
isolation: required
budget: {time: 60s, network: ["mirror.test:${webPort}", "mirror.test:${echoPort}"]}
decision: {baselineRuns: 2}`,
      ),
      "tries.py": tries,
    });
    const { code, stdout, stderr } = await whet(lab, "check", "--json");
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    const check = JSON.parse(stdout) as { grants: { grant: string }[]; grade: { reasons: string[] } };
    expect(check.grants.map(({ grant }) => grant)).toContain(
      `network: mirror.test:${webPort}, mirror.test:${echoPort} for the run`,
    );
    expect(check.grade.reasons.join()).toContain("candidates have the network");
    const log = query<string>(lab, "select log_tail from evaluations limit 1");
    expect(JSON.parse(log.split("\n").find((line) => line.startsWith("{")) ?? "")).toEqual({
      plain: `GET /page?q=1 of mirror.test:${webPort}`,
      tunnel: "through",
      ...{ unlisted: 403, port: 403, moved: 403, literal: 403, metadata: 403 },
      direct: "closed",
    });
    expect(JSON.parse(query<string>(lab, "select used from evaluations limit 1"))).toEqual({
      models: [],
      reached: { [`mirror.test:${webPort}`]: 2, [`mirror.test:${echoPort}`]: 1 },
      refused: {
        [`other.test:${webPort}`]: 2,
        [`other.test:${echoPort}`]: 1,
        [`127.0.0.1:${echoPort}`]: 1,
        "169.254.169.254": 1,
      },
    });
  });

  it("names the host that a failing run looked for", { timeout: waits }, async () => {
    const lab = repository({
      "program.md": program(
        `metric: score
direction: maximize
change: [ask.py]
run: python3 ask.py
isolation: required
budget: {time: 60s, network: ["mirror.test:${webPort}"]}`,
      ),
      "ask.py": `import urllib.request\nurllib.request.urlopen("http://other.test:${webPort}/")\n`,
    });
    const { code, stderr, stdout } = await whet(lab, "check");
    expect(code).toBe(1);
    expect(stdout + stderr).toContain(`it tried other.test:${webPort}, which \`network\` does not name`);
  });
});
