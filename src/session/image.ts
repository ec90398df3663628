import type { Contract } from "../contract/index.ts";
import { ContractError } from "../errors.ts";

/**
 * The image in which candidates run, where the contract names one.
 *
 * @param work the lab's working folder.
 * @throws ContractError when a level is asked for that goes without it.
 */
export function imageFor(
  { image }: Contract,
  work: string,
  level?: "L0",
): { name: string; work: string } | undefined {
  if (image === undefined) return undefined;
  if (level === "L0")
    throw new ContractError(
      ["image"],
      "at L0 the candidate would run outside of its image, with other programs than the contract says",
      "leave `image` out of program.md, or `--isolation L0` out of the command",
    );
  return { name: image, work };
}
