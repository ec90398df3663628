/**
 * Runs the attack suite and writes what it found into docs/security.md:
 *
 *     node tests/attacks/writeTable.ts
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { survey } from "./survey.ts";
import { table, withTable } from "./table.ts";

const file = join(import.meta.dirname, "..", "..", "docs", "security.md");
const found = await survey();
if (found.levels.length < 2 || found.missing.length > 0)
  throw new Error(
    `the table needs a machine that offers both levels and every lab; here: ${found.levels.join(", ")}${found.missing.length > 0 ? `, not ${found.missing.join(", ")}` : ""}`,
  );
writeFileSync(file, withTable(readFileSync(file, "utf8"), table(found)));
const wrong = found.findings.filter(({ attack, level, verdict }) => attack.expect[level] !== verdict);
for (const { attack, level, verdict, what } of wrong)
  console.log(`${level}: ${attack.name}: ${verdict} (${what})`);
console.log(`${found.findings.length} findings, ${wrong.length} of them unexpected`);
