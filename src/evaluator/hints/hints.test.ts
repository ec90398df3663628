import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Contract, parseProgram } from "../../contract/index.ts";
import type { GrantHint, HintFacts, HostView } from "./facts.ts";
import { grantHints, hintLines } from "./hints.ts";

const outside: Record<string, "file" | "folder"> = {
  "/home/u": "folder",
  "/home/u/.cache/autoresearch/data/shard_0.parquet": "file",
  "/home/u/.ssh/id_ed25519": "file",
  "/home/u/tools/mytool": "file",
  "/data/imagenet": "folder",
  "/repo/lab/data/train.bin": "file",
  "/repo/lab/train.py": "file",
  "/repo/lab/helper.py": "file",
  "/repo/shared/table.csv": "file",
  "/repo/lab/secret/answers.json": "file",
  "/repo/lab/.venv/bin/python": "file",
  "/opt/x/bin/python3": "file",
};

const host: HostView = {
  home: "/home/u",
  root: "/repo",
  lab: "lab",
  kindOf: (path) => outside[path] ?? null,
  inTree: (path) => path === "lab/train.py",
  commandPath: (name) => (name === "mytool" ? "/home/u/tools/mytool" : null),
  hasVariable: (name) => ["OPENAI_API_KEY", "DATA_DIR"].includes(name),
  hasGpu: () => true,
};

function contract(more = "", run = "python3 train.py"): Contract {
  const parsed = parseProgram(
    `---\ngoal: x\nmetric: v\ndirection: minimize\nchange: [train.py]\nrun: ${run}\n${more}\n---\nx\n`,
  );
  if (!parsed.program) throw new Error(JSON.stringify(parsed.problems));
  return parsed.program.contract;
}

function hints(log: string, more: Partial<HintFacts> = {}): GrantHint[] {
  const facts = { log, part: "run", command: "python3 train.py", level: "L2", contract: contract(), host };
  return grantHints({ ...facts, ...more } as HintFacts);
}

const grants = (log: string, more: Partial<HintFacts> = {}) => hints(log, more).map(({ grant }) => grant);

describe("hints of a failed command", () => {
  it.each([
    [
      "Python",
      "FileNotFoundError: [Errno 2] No such file or directory: '/home/u/.cache/autoresearch/data/shard_0.parquet'",
      "~/.cache/autoresearch",
    ],
    [
      "Python, by its own home",
      "FileNotFoundError: [Errno 2] No such file or directory: '/whetstone/home/.cache/autoresearch/data/shard_0.parquet'",
      "~/.cache/autoresearch",
    ],
    ["Node", "Error: ENOENT: no such file or directory, scandir '/data/imagenet'", "/data/imagenet"],
    ["a shell tool", "ls: cannot access '/data/imagenet': No such file or directory", "/data/imagenet"],
    ["Python, for a module", "ModuleNotFoundError: No module named 'helper'", "helper.py"],
    ["a path beside the lab", "cat: ../shared/table.csv: No such file or directory", "../shared/table.csv"],
    ["cat, with a path of the tree", "cat: data/train.bin: No such file or directory", "data/train.bin"],
    ["Rust", 'Os { code: 2, message: "No such file or directory" }: /data/imagenet', "/data/imagenet"],
    [
      "a tree's own place",
      "cannot open '/w/lab/data/train.bin': No such file or directory",
      "data/train.bin",
    ],
    ["an interpreter by its path", "sh: 1: /opt/x/bin/python3: not found", "/opt/x/bin/python3"],
    ["a command of the user's PATH", "sh: 1: mytool: not found", "~/tools/mytool"],
    ["a command, as Node says it", "Error: spawn mytool ENOENT", "~/tools/mytool"],
  ])("name the input that is missing: %s", (_name, log, input) => {
    expect(grants(log)).toEqual([{ key: "inputs", add: input }]);
    expect(hints(log)[0]?.write).toContain(`inputs: [${input}]`);
  });

  it.each([
    ["a file that is nowhere", "cat: /nowhere/x: No such file or directory"],
    ["a committed file", "python3: can't open file '/w/lab/train.py/x': [Errno 20]"],
    ["the home folder itself", "ls: cannot access '/home/u': No such file or directory"],
    ["an unrelated failure", "ValueError: bad shape (3, 4)"],
    ["nothing", ""],
  ])("are silent on %s", (_name, log) => {
    expect(hints(log)).toEqual([]);
  });

  it("never offer what looks like a secret, nor what is private on purpose", () => {
    const secret = hints("FileNotFoundError: [Errno 2] No such file or directory: '/home/u/.ssh/id_ed25519'");
    expect(secret.map(({ grant }) => grant)).toEqual([null]);
    const hidden = { score: { command: "node score.js", private: ["secret"] } };
    const log = "Error: ENOENT: no such file or directory, open 'secret/answers.json'";
    const [hint] = hints(log, { contract: { ...contract(), ...hidden } as Contract });
    expect(hint?.grant).toBeNull();
    expect(hint?.what).toContain("private");
  });

  it("do not offer what is granted already", () => {
    const log = "cat: /data/imagenet/x: No such file or directory\ncat: /data/imagenet: not found";
    expect(grants(log, { contract: { ...contract(), inputs: ["/data"] } })).toEqual([]);
    const program = "sh: 1: .venv/bin/python: not found\nsh: 1: /repo/lab/.venv/bin/python: not found";
    expect(grants(program, { contract: { ...contract(), inputs: [".venv"] } })).toEqual([]);
    const tool = "sh: 1: mytool: not found\nsh: 1: /opt/x/bin/python3: not found";
    expect(grants(tool, { contract: { ...contract(), inputs: ["~/tools", "/opt/x"] } })).toEqual([]);
  });

  it.each([
    ["curl", "curl: (6) Could not resolve host: data.example.org", "data.example.org:443"],
    ["Node", "[cause]: Error: getaddrinfo EAI_AGAIN files.example.org", "files.example.org:443"],
    [
      "requests",
      "HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded with url: /x",
      "huggingface.co:443",
    ],
    ["Go", "dial tcp: lookup proxy.golang.org on 127.0.0.53:53: read udp", "proxy.golang.org:443"],
    [
      "a plain address",
      "wget http://a.example.org/x\nCould not resolve host: a.example.org",
      "a.example.org:80",
    ],
    ["a refused server of the user's", "Error: connect ECONNREFUSED 127.0.0.1:8000", true],
    [
      "Python's words without a host",
      "urllib.error.URLError: <urlopen error [Errno -3] Temporary failure in name resolution>",
      true,
    ],
  ])("name the network: %s", (_name, log, add) => {
    expect(grants(log)).toEqual([{ key: "network", of: "budget", add }]);
  });

  it("name the scorer's own network, and none where it is open", () => {
    const log = "Could not resolve host: api.example.org";
    const [hint] = hints(log, { part: "score" });
    expect(hint?.grant).toEqual({ key: "network", of: "score", add: "api.example.org:443" });
    expect(hint?.write).toContain("score:");
    expect(hints(log, { contract: contract("budget: {network: true}") })).toEqual([]);
  });

  it.each([
    [
      "Python, with a path",
      "OSError: [Errno 30] Read-only file system: 'dist/out.js'",
      { key: "write", add: "dist" },
    ],
    [
      "Node, with a path of the tree",
      "Error: EROFS: read-only file system, open '/w/lab/build/x'",
      { key: "write", add: "build" },
    ],
    [
      "Node, with a folder that it makes",
      "Error: ENOENT: no such file or directory, mkdir 'dist'",
      { key: "write", add: "dist" },
    ],
    ["sqlite", "sqlite3.OperationalError: unable to open database file", { key: "tree", value: "overlay" }],
    [
      "a file in the lab folder itself",
      "sh: 1: cannot create .coverage: Read-only file system",
      { key: "tree", value: "overlay" },
    ],
  ])("name the read-only tree: %s", (_name, log, grant) => {
    expect(grants(log)).toEqual([grant]);
    expect(hints(log)[0]?.write).toContain("$OUT");
  });

  it.each([
    ["git", "fatal: not a git repository (or any of the parent directories): .git", /has no \.git/],
    ["source", "sh: 1: source: not found", /run by sh -c/],
    ["pipefail", "sh: 1: set: Illegal option -o pipefail", /run by sh -c/],
    ["an array", 'sh: 1: Syntax error: "(" unexpected', /run by sh -c/],
    ["a bus error", "Bus error (core dumped)", /\/dev\/shm/],
    [
      "PyTorch's words",
      "RuntimeError: DataLoader worker is killed: insufficient shared memory (shm)",
      /\/dev\/shm/,
    ],
    ["a full temporary folder", "OSError: [Errno 28] No space left on device", /\/tmp/],
  ])("tell what is behind the words of %s", (_name, log, what) => {
    const found = hints(log);
    expect(found).toHaveLength(1);
    expect(found[0]?.what).toMatch(what);
  });

  it("know a bus error by its signal alone", () => {
    expect(hints("", { signal: "SIGBUS" })[0]?.what).toContain("/dev/shm");
  });

  it.each([
    ["torch", "RuntimeError: No CUDA GPUs are available"],
    ["jax", "RuntimeError: Unable to initialize backend 'cuda': no device"],
    ["the driver's tool", "sh: 1: nvidia-smi: not found"],
    ["a driver without /sys", "cuInit failed with error 304"],
  ])("name the GPU: %s", (_name, log) => {
    expect(grants(log)).toEqual([{ key: "gpus", value: 1 }]);
  });

  it("name variables of the user's environment, keys as secrets", () => {
    expect(grants("KeyError: 'OPENAI_API_KEY'")).toEqual([{ key: "secrets", add: "OPENAI_API_KEY" }]);
    expect(grants("sh: 1: DATA_DIR: parameter not set")).toEqual([{ key: "env", add: "DATA_DIR" }]);
    expect(grants("KeyError: 'NOT_SET_OUTSIDE'")).toEqual([]);
    expect(hints("KeyError: 'OPENAI_API_KEY'")[0]?.what).toContain("is built from nothing");
  });

  it("name the environment beside the program when a package is missing", () => {
    const [hint] = hints("ModuleNotFoundError: No module named 'torch'");
    expect(hint?.grant).toEqual({ key: "run", value: ".venv/bin/python train.py" });
    expect(hint?.write).toContain("inputs: [.venv]");
  });

  it("put the way without a sandbox last, and offer it only where there is one", () => {
    const lines = hintLines(hints("sh: 1: mytool: not found"), "L2");
    expect(lines.at(-1)).toContain("--isolation L0");
    expect(lines[0]).not.toContain("--isolation");
    expect(hintLines(hints("fatal: not a git repository"), "L2").join()).not.toContain("--isolation");
    expect(hintLines([], "L2")).toEqual([]);
  });

  it("say nothing of the sandbox at a level without one", () => {
    const log = "sh: 1: mytool: not found\nCould not resolve host: a.example.org\nNo CUDA GPUs are available";
    expect(hints(log, { level: "L0" })).toEqual([]);
  });

  it("come quickly from any log, a hostile one included", () => {
    const words = fc.constantFrom(
      "not found",
      "'",
      '"',
      "/",
      "~/",
      "ENOENT ",
      "\n",
      ":",
      "host=",
      "a",
      "\u001b[31m",
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 200 }), (parts) => {
        const found = hints(parts.join(""));
        expect(found.length).toBeLessThanOrEqual(4);
      }),
    );
    const began = performance.now();
    hints(`no such file ${"a/".repeat(40_000)}\n${"not found '".repeat(9_000)}`);
    expect(performance.now() - began).toBeLessThan(30_000);
  });
});
