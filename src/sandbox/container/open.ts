import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "../../errors.ts";
import { recalled, remember } from "../memo.ts";
import { type Launch, run } from "../run.ts";
import type { Isolation, Limits, Order, Outcome } from "../sandbox.ts";
import { seccompProfile } from "../seccomp/profile.ts";
import type { Tools } from "../tools.ts";
import { type Engine, findImage, type Image } from "./engine.ts";
import { launchContainer } from "./launch.ts";
import { leftContainers, removeContainers } from "./leftovers.ts";

/** An engine and an image in which the candidate's commands can be run. */
export interface Containers {
  isolation: Isolation;
  launch(order: Order): Launch;
}

interface ContainersOptions {
  /** The image as the contract names it. */
  name: string;
  /** The lab's working folder. */
  work: string;
  tools: Tools;
  /** What was found for everything that runs outside of the image. */
  outside: Isolation;
  keepOut: readonly string[];
  /** File in which what was found is kept for the next process. */
  memo?: string;
}

/**
 * Containers for one image, found by trying: a canary tries to write to its tree and its root, to see the host, and
 * looks for rights, networks and limits. What an earlier process left of the lab's containers is removed first.
 *
 * @throws UserError when there is no engine or no such image, or when a container does not keep what L3 promises.
 */
export async function openContainers(options: ContainersOptions): Promise<Containers> {
  const { name, work, tools, outside, keepOut, memo } = options;
  if (outside.level !== "L2")
    throw new UserError(
      `program.md names an image, and what runs outside of it (setup, scorer) needs bubblewrap, which does not work here: ${outside.evidence[0]}`,
      "install bubblewrap (apt install bubblewrap), or leave `image` out",
    );
  const { engine, image } = await findImage(name);
  mkdirSync(work, { recursive: true });
  await removeContainers(await leftContainers(work, [engine]));
  const launch = (order: Order) => launchContainer(order, { engine, image }, tools, keepOut);
  const asked = JSON.stringify([engine, image, keepOut]);
  const known = memo === undefined ? null : await recalled(memo, asked);
  if (known) return { isolation: known.isolation, launch };
  const startMs = await tryOut(engine, launch, tools);
  const isolation = report(engine, image, outside, startMs);
  if (memo !== undefined) await remember(memo, asked, { tools, isolation });
  return { isolation, launch };
}

/** Runs the canary. @returns the milliseconds that it took. @throws UserError */
async function tryOut(engine: Engine, launch: (order: Order) => Launch, tools: Tools): Promise<number> {
  const tree = join(mkdtempSync(join(tmpdir(), "whet-probe-")), "tree");
  try {
    mkdirSync(tree);
    writeFileSync(join(tree, "canary"), "untouched\n");
    const order: Order = {
      command: ["/bin/sh", "-c", canary, join(tree, "canary")],
      ...{ tree, cwd: "", mounts: [], hidden: [], env: {}, limits: canaryLimits, inImage: true },
    };
    const outcome = await run(launch(order), order, tools).done;
    const fault = faultOf(outcome);
    if (fault === null && readFileSync(join(tree, "canary"), "utf8") === "untouched\n") return outcome.wallMs;
    throw new UserError(
      `a container of ${engine.name} does not keep what L3 promises: ${fault ?? "the tree was written"}`,
      `see what \`${engine.name} info\` says of control groups and storage, or leave \`image\` out`,
    );
  } finally {
    rmSync(join(tree, ".."), { recursive: true, force: true });
  }
}

/** Words of the shell itself alone: an image need not hold any program besides it. */
const canary = `echo started
read -r word < canary && echo "tree $word"
if (echo x > canary) 2>/dev/null; then echo wrote-tree; fi
if (echo x > /whetstone-canary) 2>/dev/null; then echo wrote-root; fi
if [ -e "$0" ]; then echo host; fi
while read -r name value rest; do case $name in CapEff:|CapPrm:|CapBnd:|NoNewPrivs:|Seccomp:) echo "$name $value";; esac; done < /proc/self/status
while read -r line; do case $line in lo:*) ;; *:*) echo interface;; esac; done < /proc/net/dev
for file in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do if [ -r $file ]; then read -r value < $file; echo "memory $value"; fi; done
for file in /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max; do if [ -r $file ]; then read -r value < $file; echo "tasks $value"; fi; done
`;

const canaryLimits: Limits = {
  time: 60_000,
  memory: 2 ** 28,
  processes: 32,
  fileSize: 2 ** 20,
  disk: 2 ** 24,
  output: 2 ** 16,
  network: false,
};

/** What the canary could do and must not, or could not find; null when all is as it should be. */
export function faultOf(outcome: Pick<Outcome, "ending" | "stdout" | "stderr" | "message">): string | null {
  const said = outcome.stdout.split("\n");
  if (!said.includes("started")) {
    const why = outcome.stderr.trim().split("\n").at(-1) || outcome.message;
    return `it does not start (${why}); an image needs /bin/sh`;
  }
  if (!said.includes("tree untouched")) return "the folder that it was to be shown is not there";
  for (const [word, what] of [
    ["wrote-tree", "its tree could be written"],
    ["wrote-root", "its root could be written"],
    ["host", "the host's files could be seen"],
    ["interface", "a network was there"],
  ])
    if (said.includes(word as string)) return what as string;
  for (const name of ["CapEff", "CapPrm", "CapBnd"])
    if (!said.includes(`${name}: 0000000000000000`)) return "it had rights over the system";
  if (!said.includes("NoNewPrivs: 1")) return "it could gain rights";
  if (!said.includes("Seccomp: 2")) return "no seccomp filter was in force";
  const limit = (name: string) =>
    Number(said.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? Number.NaN);
  if (!(limit("memory") <= canaryLimits.memory)) return "no control group kept its memory to the budget";
  if (!(limit("tasks") <= 4 * canaryLimits.processes))
    return "no control group kept its processes to the budget";
  return null;
}

function report(engine: Engine, image: Image, outside: Isolation, startMs: number): Isolation {
  const own = seccompProfile({ apart: true, pinned: true }) !== null;
  return {
    level: "L3",
    memory: "shares",
    enforced: [
      "candidates run in a container: its root is the image's, read-only; the tree is read-only, and `write` folders are the run's own",
      "nothing of the user's files is visible but what the contract grants; hidden paths (private, holdout)",
      "no network unless granted (then the engine's own, not the host's)",
      "memory, swap included, and number of processes and threads (control group)",
      "processors that the budget does not grant cannot be taken (control group)",
      "no capabilities, no rights can be gained",
      "private /tmp, /var/tmp, home folder and shared memory, in memory and counted as such",
      "environment built from nothing but the image's own, no inherited descriptors",
      "every process is gone at the end (the container is removed)",
      "time limit, size of one file, output size",
      own
        ? "calls of the kernel that no run needs are refused, by Whetstone's list in place of the engine's; answering processes of one candidate cannot signal each other through locks and file events"
        : "calls of the kernel that the engine's own seccomp profile refuses",
      "setup and scorer run outside of the image, at L2",
    ],
    watched: ["disk use"],
    notEnforced: [
      "kernel flaws in the calls that every program needs: the kernel is shared",
      engine.rootless
        ? "flaws of the engine: who breaks out of the container has your rights"
        : `flaws of the engine: ${engine.name} runs with rights of root here, and who breaks out of the container has them`,
      "use of shared processors and caches (the page cache and its timing among them: runs can leave traces there for others)",
      "runs at the same time signalling each other (futexes on files that both see, load)",
      "sockets in a folder that is shown (inputs) can be connected to",
      `wall time and the time limit hold the start and end of the container (${Math.round(startMs)} ms for an empty command here)`,
      ...(own
        ? ["calls of the kernel that are younger than the engine's own library for such filters"]
        : ["answering processes of one candidate signalling each other (locks on shared files)"]),
      ...(engine.hasLabels ? ["SELinux: its separation of containers is off for these"] : []),
    ],
    evidence: [
      "a canary in a container could neither write its tree or root, nor see the host's files or a network, had no rights, and found its limits",
      ...outside.evidence.map((each) => `outside of the image: ${each}`),
    ],
    container: {
      engine: engine.name,
      version: engine.version,
      rootless: engine.rootless,
      image: image.name,
      number: image.number,
      startMs,
    },
  };
}
