import { UserError } from "../../errors.ts";
import { ledgerPath, readLab } from "../../lab/index.ts";
import { addIdea, dropIdea, type Idea, ideasOf, type Ledger, openLedger } from "../../ledger/index.ts";
import { sessionMeant } from "../../notebook/index.ts";
import { print, printJson } from "../output.ts";

interface Options {
  lab?: string;
  json?: boolean;
  all?: boolean;
}

export async function ideasAddCommand(text: string, options: Options): Promise<number> {
  const line = text
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .toWellFormed();
  if (line === "" || line.length > longest)
    throw new UserError(
      line === ""
        ? "the idea is empty"
        : `the idea is ${line.length} characters long, and ${longest} are allowed`,
      "say it in a sentence",
    );
  return withLab(options, async (ledger, contract) => {
    const session = await sessionMeant(ledger, contract);
    const id = await addIdea(ledger, {
      sessionId: session?.id ?? null,
      text: line,
      by: "agent",
      addedAt: Date.now(),
    });
    if (options.json) printJson({ id, text: line });
    else print(`idea ${id}: ${line}`);
  });
}

export async function ideasListCommand(options: Options): Promise<number> {
  return withLab(options, async (ledger) => {
    const ideas = await ideasOf(ledger, { open: !options.all, limit: most });
    if (options.json) printJson(ideas);
    else print(ideas.length === 0 ? "no open idea" : ideas.map(line).join("\n"));
  });
}

export async function ideasDropCommand(id: number, options: Options): Promise<number> {
  return withLab(options, async (ledger) => {
    await dropIdea(ledger, id, Date.now());
    if (options.json) printJson({ id, dropped: true });
    else print(`idea ${id} is struck off`);
  });
}

const longest = 1000;
const most = 200;

function line({ id, text, tried, droppedAt }: Idea): string {
  const state = tried
    ? ` (tried: #${tried.number} of ${tried.tag})`
    : droppedAt === null
      ? ""
      : " (struck off)";
  return `${id}  ${text}${state}`;
}

async function withLab(
  options: Options,
  work: (ledger: Ledger, contract: string) => Promise<void>,
): Promise<number> {
  const { folder, programFile } = await readLab(options.lab ?? ".");
  const ledger = await openLedger(ledgerPath(folder));
  try {
    await work(ledger, programFile);
    return 0;
  } finally {
    await ledger.close();
  }
}
