import type { ChainReport } from "../ledger/index.ts";

/** Whether nothing shows that the record was changed after it was written. */
export function isWhole({ faults, head }: ChainReport): boolean {
  return faults.length === 0 && head === null;
}

/** What an examination of the chain found, for a person. */
export function chainWords(chain: ChainReport): string {
  const { linked, unlinked, seals } = chain;
  if (!isWhole(chain)) {
    const faults = [...chain.faults, ...(chain.head === null ? [] : [`the chain: ${chain.head}`])];
    const more = faults.length > 5 ? `; and ${faults.length - 5} more` : "";
    return `the record is not as it was written: ${faults.slice(0, 5).join("; ")}${more}`;
  }
  const old =
    unlinked === 0
      ? ""
      : `; of ${unlinked} from before the chain began, nothing shows whether they were changed`;
  const whose = {
    own: "",
    foreign: "; some seals were made with another key (another machine or user), so only the hashes say so",
    none: "; some bear no seal, so only the hashes say so",
  }[seals];
  return `the record is as it was written: ${linked} rows in one chain${old}${whose}`;
}
