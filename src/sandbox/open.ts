import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "../errors.ts";
import { stateFolder } from "../seal.ts";
import { launchBubblewrap } from "./bubblewrap/launch.ts";
import { launchL0 } from "./L0.ts";
import { launchMacos } from "./macos.ts";
import { type Findings, recalled, remember } from "./memo.ts";
import { type Launch, run } from "./run.ts";
import type { Isolation, Level, Limits, Order, Sandbox } from "./sandbox.ts";
import { seccompFilter } from "./seccomp/filter.ts";
import { findTools, hasOwnProc, isRoot, type Tools, works } from "./tools.ts";

export interface SandboxOptions {
  /** Refuse to go on below L2. */
  require?: boolean;
  /** Take this level although a better one may be there. */
  level?: "L0";
  /** The image in which the candidate's commands run (L3), and the lab's working folder, by which containers are known. */
  image?: { name: string; work: string };
  /** Host folders of which nothing is ever shown but what an order names, wherever the user's PATH leads. */
  keepOut?: readonly string[];
  /** File in which what was found is kept for the next process. */
  memo?: string;
}

/**
 * The best isolation that this machine really gives, found by trying it: a canary tries to write to the tree, to
 * leave the folder, to reach the network and to leave a process behind.
 *
 * @throws UserError when `require` is set and only a weaker level works, or when an image cannot be run.
 */
export async function openSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { tools, isolation } = await findings(options);
  // The key of the seals lies in the state folder.
  const keptOut = [...(options.keepOut ?? []), stateFolder()];
  if (options.image) {
    // Loaded where it is needed only: most labs name no image.
    const { openContainers } = await import("./container/open.ts");
    const containers = await openContainers({
      ...{ ...options.image, tools, outside: isolation, keepOut: keptOut },
      ...(options.memo === undefined ? {} : { memo: `${options.memo}.image` }),
    });
    const outside = launcher(isolation.level, tools, keptOut);
    return {
      keptOut,
      isolation: containers.isolation,
      start: (order) => run(order.inImage ? containers.launch(order) : outside(order), order, tools),
    };
  }
  if (options.require && isolation.level === "L0")
    throw new UserError(
      `isolation is required by program.md, and this machine offers only ${isolation.level}: ${isolation.evidence.join("; ")}`,
      process.platform === "linux"
        ? "install bubblewrap (apt install bubblewrap), or write `isolation: best`"
        : "write `isolation: best`",
    );
  const launch = launcher(isolation.level, tools, keptOut);
  return { isolation, keptOut, start: (order) => run(launch(order), order, tools) };
}

async function findings(options: SandboxOptions): Promise<Findings> {
  // The canary looks at what is kept out: for other folders it has to look again.
  const asked = [options.level ?? "best", ...(options.keepOut ?? [])].join("\0");
  const known = options.memo === undefined ? null : await recalled(options.memo, asked);
  if (known) return known;
  const tools = await findTools();
  const found = { tools, isolation: await bestIsolation(options, tools) };
  if (options.memo !== undefined) await remember(options.memo, asked, found);
  return found;
}

function launcher(level: Level, tools: Tools, keepOut: readonly string[]): (order: Order) => Launch {
  switch (level) {
    case "L0":
      return (order) => launchL0(order, tools);
    case "L2":
      return (order) => launchBubblewrap(order, tools, keepOut);
    case "macos":
      return (order) => launchMacos(order, keepOut);
    case "L3":
      throw new TypeError("containers are opened with their image");
  }
}

async function bestIsolation(options: SandboxOptions, tools: Tools): Promise<Isolation> {
  const weak = reportL0(tools);
  if (options.level === "L0") return weak;
  if (process.platform === "darwin") {
    const possible = await works(["sandbox-exec", "-p", "(version 1)(allow default)", "true"]);
    return possible ? reportMacos() : weak;
  }
  if (process.platform !== "linux") return weak;
  const failure = await findBubblewrap(tools, options.keepOut ?? []);
  if (failure !== null) return { ...weak, evidence: [failure, ...weak.evidence] };
  return reportL2(tools);
}

/** The most that bubblewrap offers here goes into `tools`; a string says why the level is not to be had at all. */
async function findBubblewrap(tools: Tools, keepOut: readonly string[]): Promise<string | null> {
  let first: string | null = null;
  const filter = seccompFilter({ apart: false, pinned: false }) !== null;
  for (const offered of [
    { filter, noUserNamespaces: true },
    { filter, noUserNamespaces: false },
    { filter: false, noUserNamespaces: false },
  ]) {
    tools.bubblewrap = offered;
    const failure = await probeBubblewrap(tools, keepOut);
    if (failure === null) return null;
    first ??= failure;
  }
  return first;
}

/** Runs the canary under bubblewrap; a string says why the level is not to be had. */
async function probeBubblewrap(tools: Tools, keepOut: readonly string[]): Promise<string | null> {
  const tree = mkdtempSync(join(tmpdir(), "whet-probe-"));
  // Loaded for a probe only: most tries take over what an earlier one found.
  const { createServer } = await import("node:net");
  const server = createServer((socket) => socket.end());
  try {
    writeFileSync(join(tree, "canary"), "untouched");
    const port = await new Promise<number>((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
    );
    const script = [
      "echo started",
      "if (echo x > canary) 2>/dev/null; then echo wrote; fi",
      `if [ -e ${JSON.stringify(join(tree, "canary"))} ]; then echo host-visible; fi`,
      `if exec 5<>/dev/tcp/127.0.0.1/${port}; then echo connected; fi 2>/dev/null`,
      'for kept in "$@"; do if [ -n "$(ls -A "$kept" 2>/dev/null)" ]; then echo kept-visible; fi; done',
      "(setsid sleep 3 >/dev/null 2>&1 &)",
    ].join("\n");
    const shell = `command -v bash >/dev/null && exec bash -c "$0" bash "$@" || exec sh -c "$0" sh "$@"`;
    const order: Order = {
      command: ["sh", "-c", shell, script, ...keepOut],
      tree,
      cwd: "",
      mounts: [],
      hidden: [],
      env: {},
      limits: probeLimits,
    };
    const outcome = await run(launchBubblewrap(order, tools, keepOut), order, tools).done;
    const said = outcome.stdout.split("\n");
    if (!said.includes("started"))
      return `bubblewrap does not work here: ${(outcome.stderr || outcome.message).trim().split("\n")[0]}`;
    for (const [word, what] of [
      ["wrote", "the tree could be written"],
      ["host-visible", "the host's files could be seen"],
      ["connected", "the network could be reached"],
      ["kept-visible", `what is kept out could be seen (${keepOut.join(", ")})`],
    ])
      if (said.includes(word as string)) return `bubblewrap runs, but ${what}`;
    if (readFileSync(join(tree, "canary"), "utf8") !== "untouched")
      return "bubblewrap runs, but the tree was written";
    return null;
  } finally {
    server.close();
    rmSync(tree, { recursive: true, force: true });
  }
}

const probeLimits: Limits = {
  time: 5000,
  memory: 2 ** 28,
  processes: 32,
  fileSize: 2 ** 20,
  disk: 2 ** 24,
  output: 2 ** 16,
  network: false,
};

/** The kernel adds a child's time to its parent's only for a parent that asks for it. */
const unwaited = "processor time of processes that nobody waits for";

const noFilter = "kernel flaws and the login's keyring (no seccomp filter: io_uring is reachable)";

function reportL0(tools: Tools): Isolation {
  const contained = tools.processNamespace !== null;
  const memory = memoryWords(tools);
  return {
    level: "L0",
    memory: memory.memory,
    enforced: [
      ...memory.enforced,
      "time limit",
      "environment built from nothing, no inherited descriptors",
      ...(contained ? ["every process is gone at the end (process namespace)"] : []),
      ...(hasOwnProc(tools)
        ? ["other processes, their environment, memory and shared memory cannot be reached"]
        : []),
      ...(tools.fewerRights ? ["no rights can be gained (sudo, setuid programs)"] : []),
      ...(tools.prlimit ? ["size of one file"] : []),
      "output size",
    ],
    watched: [
      "memory",
      "number of processes (a multiple of the budget is capped by the kernel where it can)",
      "disk use",
      unwaited,
    ],
    notEnforced: [
      "reading and writing the user's files",
      "network",
      "hidden paths (private, holdout)",
      "number of processors in short runs (a run can undo its affinity; what it used in all is looked at)",
      noFilter,
      "use of shared processors and caches",
      ...memory.open,
      "answering processes of one candidate signalling each other (locks on shared files)",
      ...(contained
        ? []
        : ["other processes of the same user (signals, memory, shared memory); a daemon can survive"]),
      ...(hasOwnProc(tools)
        ? []
        : ["other processes of the same user (what /proc shows: environment, arguments, open files)"]),
      ...(tools.fewerRights ? [] : ["setuid programs such as sudo, the terminal"]),
      ...(isRoot ? ["the system itself: this runs as root, and so does every candidate"] : []),
    ],
    evidence: [
      contained
        ? "a process namespace was made and its first process had number 1"
        : "no process namespace could be made: processes are found by a mark in their environment",
    ],
  };
}

/** How memory is counted where it is a metric, and what is said of it. */
function memoryWords({ groups }: Tools): {
  memory: NonNullable<Isolation["memory"]>;
  enforced: string[];
  open: string[];
} {
  if (groups)
    return {
      memory: "control group",
      enforced: ["memory that is a metric is counted whoever holds it (control group)"],
      open: [
        "memory budgets where memory is no metric: what no process has mapped and no file holds is not counted (pipes, sockets, mappings given up in part)",
      ],
    };
  return {
    memory: "shares",
    enforced: [],
    open: [
      "memory that no process has mapped and no file holds (pipes, sockets, mappings given up in part): no control group can be had",
    ],
  };
}

function reportL2(tools: Tools): Isolation {
  const { filter, noUserNamespaces } = tools.bubblewrap;
  const memory = memoryWords(tools);
  return {
    level: "L2",
    memory: memory.memory,
    enforced: [
      "time limit",
      "the tree is read-only, or what a run writes there is thrown away (`write`, `tree: overlay`)",
      "nothing else of the user's files is visible but what the contract grants",
      "private /tmp, hidden paths (private, holdout)",
      "no network unless granted",
      "environment built from nothing, no inherited descriptors",
      "every process is gone at the end (process namespace)",
      "size of one file, output size",
      ...(filter
        ? [
            "calls of the kernel that no run needs are refused (seccomp filter: keyrings, io_uring, bpf, mounts and more)",
            "processors that the budget does not grant cannot be taken",
            "answering processes of one candidate cannot signal each other through locks and file events",
          ]
        : []),
      ...(filter || noUserNamespaces ? ["no user namespace can be made inside"] : []),
      ...memory.enforced,
    ],
    watched: ["memory", "number of processes", "disk use", unwaited],
    notEnforced: [
      filter ? "kernel flaws in the calls that every program needs" : noFilter,
      "use of shared processors and caches (the page cache and its timing among them: runs can leave traces there for others)",
      ...(filter
        ? []
        : [
            "number of processors in short runs (a run can undo its affinity; what it used in all is looked at)",
            "answering processes of one candidate signalling each other (locks on shared files)",
          ]),
      ...memory.open,
      "runs at the same time signalling each other (locks of others' runs, futexes on files that both see, load)",
      "sockets in a folder that is shown (inputs, toolchains) can be connected to",
      ...(isRoot
        ? [
            "this runs as root: times and modes of the host's device nodes (/dev/null and its like) can be changed",
          ]
        : []),
    ],
    evidence: [
      "a canary under bubblewrap could neither write its tree, nor see the host's files, nor connect to a port",
      ...(filter ? [] : ["no seccomp filter could be loaded, or there is none for this processor"]),
    ],
  };
}

function reportMacos(): Isolation {
  return {
    level: "macos",
    enforced: [
      "time limit",
      "writes outside the run's folders",
      "no network unless granted",
      "environment built from nothing",
    ],
    watched: ["nothing: memory and processes are not measured on macOS"],
    notEnforced: [
      "memory",
      "number of processes",
      "processor affinity",
      "a daemon can survive, confined",
      "reading system files",
    ],
    evidence: ["sandbox-exec started; the profile has not been tested on this system by us"],
  };
}
