import pc from "picocolors";
import { type Diagnosis, examineLab, type Finding } from "../../doctor/index.ts";
import { UserError } from "../../errors.ts";
import { examineGoals } from "../goalLeftovers.ts";
import { colour, interactive, print, printJson } from "../output.ts";
import { examineResults } from "../results.ts";
import { labFolder } from "./notebook.ts";

/** Examines a lab and, with consent, repairs it. 0: all is well, maybe by now; 1: something is not. */
export async function doctorCommand(
  lab: string | undefined,
  options: { json?: boolean; yes?: boolean },
): Promise<number> {
  const folder = labFolder(lab);
  const paint = pc.createColors(colour);
  const say = options.json ? () => {} : print;
  const line = ({ ok, check, session, message, fix }: Finding) => {
    const about = `${ok ? paint.green("✓") : paint.red("✗")} ${check.padEnd(10)} `;
    say(`${about} ${session === null ? "" : `${session}: `}${message}`);
    if (fix !== null) say(`             ${paint.dim("→")} ${fix}`);
  };

  const diagnosis = await examine(folder);
  const repaired: { check: string; session: string | null; message: string }[] = [];
  try {
    for (const finding of diagnosis.findings) {
      line(finding);
      const { check, session, repair } = finding;
      if (repair === null || !(await agreed(repair.question, options))) continue;
      const message = await repair.run().catch((error: unknown) => {
        if (!(error instanceof UserError)) throw error;
        return `that could not be done: ${error.message}${error.fix ? ` (${error.fix})` : ""}`;
      });
      repaired.push({ check, session, message });
      say(message.replace(/^/gm, "             "));
    }
  } finally {
    await diagnosis.close();
  }

  let { findings } = diagnosis;
  if (repaired.length > 0) {
    // A repair counts once a fresh look finds nothing any more.
    const after = await examine(folder);
    await after.close();
    findings = after.findings;
  }
  const open = findings.filter((finding) => !finding.ok);
  if (options.json)
    printJson({
      well: open.length === 0,
      running: diagnosis.running,
      findings: findings.map(({ repair, ...finding }) => ({ ...finding, repair: repair?.question ?? null })),
      repaired,
    });
  else say(`\n${summary(open, repaired.length)}`);
  return open.length === 0 ? 0 : 1;
}

async function examine(folder: string): Promise<Diagnosis> {
  const diagnosis = await examineLab(folder);
  if (diagnosis.ledger && !diagnosis.running)
    diagnosis.findings.push(
      await examineResults(folder, diagnosis.ledger),
      await examineGoals(diagnosis.ledger),
    );
  return diagnosis;
}

async function agreed(question: string, options: { json?: boolean; yes?: boolean }): Promise<boolean> {
  if (options.yes) return true;
  if (options.json || !interactive || !process.stdin.isTTY) return false;
  const prompts = await import("@clack/prompts");
  return (await prompts.confirm({ message: question })) === true;
}

function summary(open: readonly Finding[], repaired: number): string {
  if (open.length === 0) return repaired === 0 ? "all is well" : "all is well now";
  const mendable = open.filter((finding) => finding.repair !== null).length;
  const hint = mendable === 0 ? "" : `; \`whet doctor --yes\` repairs ${mendable}`;
  return `${open.length} not well${hint}`;
}
