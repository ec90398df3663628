import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseEnv } from "node:util";
import type { Contract } from "../contract/index.ts";
import { ContractError } from "../errors.ts";
import { isSecretName, openRedactor, redactor } from "../redaction/index.ts";
import { reservedVariables } from "../reservedVariables.ts";

/** The variables that a contract grants, with their values, and what keeps the secret ones out of every record. */
export interface Environment {
  /** Of the run, its checks, the answering processes and the setup. */
  run: Record<string, string>;
  /** Of the scorers. */
  score: Record<string, string>;
  /** Hash over the variables that are no secrets; null where there are none. */
  pin: string | null;
  /** Takes the granted secrets, and what looks like one, out of a text that is to be recorded or shown. */
  redact: (text: string) => string;
  /** Characters of the longest form of a secret: a text that is cut must lose so many more at the cut. */
  longestSecret: number;
}

/** A secret of fewer characters stands in texts that do not mean it, so that it cannot be taken out of them. */
const leastSecret = 6;

/**
 * Reads what the contract's `env`, `envFile` and `secrets` name.
 *
 * A variable of the `envFile` goes to the run, unless its name says that it holds a secret: such a one goes to the
 * scorer alone until the contract names it. The user's environment comes before the file, as it does for every tool
 * that reads such files.
 *
 * @param folder the lab folder on the host.
 * @param user the user's environment.
 * @throws ContractError when a name has no value, the file cannot be read, or a secret is too short to be recognised.
 */
export async function readEnvironment(
  contract: Contract,
  folder: string,
  user: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Environment> {
  const file = await fileOf(contract, folder);
  const given = (name: string): string | undefined => user[name] ?? file[name];
  const run = new Map<string, string>();
  const score = new Map<string, string>();
  const secret = new Map<string, string>();

  for (const [name, value] of Object.entries(file)) {
    const isSecret = isSecretName(name);
    if (isSecret) secret.set(name, value);
    else run.set(name, value);
    score.set(name, value);
  }
  for (const { name, value } of contract.env) {
    const found = value ?? given(name);
    if (found === undefined) throw missing(["env", name], name, contract);
    if (value === null && isSecretName(name)) secret.set(name, found);
    run.set(name, found);
    score.set(name, found);
  }
  for (const { name, to } of contract.secrets) {
    const found = given(name);
    if (found === undefined || found === "") throw missing(["secrets", name], name, contract);
    secret.set(name, found);
    if (to === "run") run.set(name, found);
    else run.delete(name);
    score.set(name, found);
  }
  for (const [name, value] of secret)
    if (value.length < leastSecret)
      throw new ContractError(
        ["secrets", name],
        `the value of ${name} has fewer than ${leastSecret} characters, so that it could not be recognised in a log and kept out of the record`,
        "a longer value, or the variable under `env` with another name if it is no secret",
      );

  const open = [...new Map([...run, ...score])]
    .filter(([name]) => !secret.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const values = [...secret.values()];
  return {
    run: Object.fromEntries(run),
    score: Object.fromEntries(score),
    pin: open.length === 0 ? null : createHash("sha256").update(JSON.stringify(open)).digest("hex"),
    redact: redaction(values),
    longestSecret: Math.max(0, ...values.map((value) => 2 * Buffer.byteLength(value))),
  };
}

/** What is granted comes first: afterwards a form that is known anyway may be only a part of it. */
function redaction(secrets: readonly string[]): (text: string) => string {
  const granted = redactor(secrets);
  const looksLikeOne = openRedactor({ homes: false });
  return (text) => looksLikeOne(granted(text));
}

async function fileOf({ envFile }: Contract, folder: string): Promise<Record<string, string>> {
  if (envFile === undefined) return {};
  const path = join(folder, envFile);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new ContractError(
      ["envFile"],
      error.code === "ENOENT" ? `there is no file ${path}` : `${path} cannot be read: ${error.message}`,
      "envFile: PATH, a file of NAME=value lines below the lab folder",
    );
  });
  const found = parseEnv(text) as Record<string, string>;
  return Object.fromEntries(Object.entries(found).filter(([name]) => !reservedVariables.has(name)));
}

function missing(at: [string, string], name: string, { envFile }: Contract): ContractError {
  const where = envFile === undefined ? "your environment" : `your environment or in ${envFile}`;
  return new ContractError(
    at,
    `${name} is not set in ${where}`,
    `\`export ${name}=...\` before you start whet, a file that sets it (\`envFile: .env\`)${at[0] === "env" ? `, or its value: \`env: {${name}: value}\`` : ""}`,
  );
}
