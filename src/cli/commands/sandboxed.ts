import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { basename, join } from "node:path";
import { type BoxedAgent, openBox } from "../../agents/index.ts";
import { UserError } from "../../errors.ts";
import { openHatch, shownHatch } from "../../hatch/index.ts";
import { type LabFolder, readLab, whetstoneFolder } from "../../lab/index.ts";
import type { Box } from "../../ledger/index.ts";
import type { Trying } from "../../loop/index.ts";
import { openDesk } from "../../mcp/index.ts";
import { isWalled, type Outcome, temporaryFolder } from "../../sandbox/index.ts";
import { boxSandbox } from "../../session/index.ts";
import { complain } from "../output.ts";
import { plainDisplay } from "../plainDisplay.ts";
import { resultsWriter } from "../results.ts";
import { type StartOptions, startCommand } from "./try.ts";

export interface SandboxedOptions extends StartOptions {
  agent?: string;
  hosts?: string[];
  env?: string[];
  version: string;
}

/** What of the session that was prepared the agent's sandbox needs to know. */
interface Prepared {
  tag: string;
  folder: string;
  lab: string;
  linked: readonly string[];
}

/**
 * Prepares the session, starts the agent in a sandbox with the workspace, and answers what it asks for until it ends.
 * The session stays, as after `whet start`.
 *
 * @returns the exit code of the agent's command, or that of `whet start` where no session came of it.
 */
export async function sandboxedCommand(
  lab: string | undefined,
  command: readonly string[],
  options: SandboxedOptions,
): Promise<number> {
  if (options.isolation === "L0")
    throw new UserError(
      "--sandboxed with --isolation L0 keeps nobody out: what the agent writes would be run without a sandbox",
      "leave one of them out",
    );
  const found = await readLab(lab ?? ".");
  const sandbox = await boxSandbox(found);
  const prepared = await prepare(lab, options);
  if (typeof prepared === "number") return prepared;
  const order = command.length > 0 ? command : [process.env.SHELL || "/bin/sh"];
  const folder = temporaryFolder(join(whetstoneFolder(found.folder), "hatch"));
  const socket = join(folder, "socket");
  const hatch = await listening(found, prepared, options, socket);
  try {
    const box = await openBox(
      sandbox,
      {
        ...{ command: order, hosts: options.hosts ?? [], env: options.env ?? [] },
        ...(options.agent === undefined ? {} : { agent: options.agent }),
        ...{ folder: prepared.folder, cwd: join(prepared.folder, prepared.lab), linked: prepared.linked },
        ...shownHatch(folder, socket),
      },
      process.env,
    );
    try {
      hatch.isFor(box);
      announce(order, command.length === 0, box);
      return exitCode(await untilSignal((signal) => box.run(signal)));
    } finally {
      const notice = await box.close();
      if (notice !== null) complain(notice);
    }
  } finally {
    await hatch.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As `whet start` does, and says. @returns its exit code where it did not come to an open session. */
async function prepare(lab: string | undefined, options: SandboxedOptions): Promise<Prepared | number> {
  let prepared: Prepared | null = null;
  const code = await startCommand(lab, options, ({ session, copy }: Trying) => {
    const { level } = session.sandbox.isolation;
    if (!isWalled(level))
      throw new UserError(
        `session "${session.row.tag}" runs candidates at ${level}: what a sandboxed agent writes would be run without a sandbox`,
        "begin a new session: whet start --sandboxed --fresh",
      );
    prepared = { tag: session.row.tag, folder: copy.folder, lab: copy.lab, linked: copy.linked ?? [] };
  });
  return code === 0 && prepared !== null ? prepared : code;
}

/** Opens the hatch, with the lab behind it. Once `isFor` was called, tries are recorded as those of that box. */
async function listening(
  lab: LabFolder,
  { tag, folder, lab: inTree }: Prepared,
  options: SandboxedOptions,
  socket: string,
) {
  let box: Box | undefined;
  let boxed: BoxedAgent | null = null;
  const desk = openDesk(lab.programFile, {
    ...{ tag, workspace: folder, box: () => box },
    still: (work) => (boxed === null ? work() : boxed.still(work)),
    ...(options.probe === false ? { probe: false } : {}),
  });
  const close = await openHatch({
    ...{ desk, socket, version: options.version },
    names: [lab.folder, lab.programFile, inTree, join(folder, inTree)],
    listener: (tell) => plainDisplay(lab, { write: tell }).listener,
    onDecided: resultsWriter(lab.folder),
    onFault: (error) =>
      complain(
        `the agent met an error that should not happen: ${error instanceof Error ? error.stack : String(error)}`,
      ),
  });
  return {
    isFor(agent: BoxedAgent) {
      const { program, enforced, notEnforced, granted } = agent;
      boxed = agent;
      box = {
        key: randomBytes(12).toString("hex"),
        isolation: { level: "L2", program, enforced, notEnforced, granted },
        startedAt: Date.now(),
      };
    },
    async close() {
      await close();
      await desk.close();
    },
  };
}

function announce(order: readonly string[], isShell: boolean, { granted, notEnforced }: BoxedAgent): void {
  const what = isShell ? `your shell (${basename(order[0] ?? "")})` : order.join(" ");
  complain(`sandboxed: ${what}. It is granted:`);
  for (const each of granted) complain(`  ${each}`);
  for (const each of notEnforced) complain(`  not enforced: ${each}`);
  complain(
    "  inside, `whet` has try, start, status, context, log, mcp and a few more (`whet --help`); the rest is for you, outside",
  );
}

/** Signals to this process end the agent. With a terminal of its own, the agent gets Ctrl-C and this process does not. */
async function untilSignal(run: (signal: AbortSignal) => Promise<Outcome>): Promise<Outcome> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of signals) process.on(name, stop);
  try {
    return await run(controller.signal);
  } finally {
    for (const name of signals) process.off(name, stop);
  }
}

function exitCode({ ending, exitCode, message }: Outcome): number {
  if (ending === "ok" || ending === "exit" || ending === "signal") {
    complain("the sandbox has ended; the session stays: `whet status`, `whet audit`");
    return exitCode ?? 1;
  }
  complain(`the sandbox was ended: ${message}; the session stays`);
  return ending === "cancelled" ? 130 : 1;
}
