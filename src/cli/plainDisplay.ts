import type { LabFolder } from "../lab/index.ts";
import type { SessionEvent } from "../notebook/index.ts";
import { printable } from "../printable.ts";
import { plainLine } from "../report/index.ts";
import { asTyped } from "./output.ts";

/** One line for each event that a log should keep: what a pipe or a file gets instead of the live screen. */
export function plainDisplay(
  { contract }: Pick<LabFolder, "contract">,
  to: { write(text: string): unknown },
  /** Standard deviation of one run, where it is known from before. */
  known: number | null = null,
): { listener: (event: SessionEvent) => void; end: () => void } {
  const { name, direction, unit } = contract.metric;
  const metric = { name, direction, ...(unit === undefined ? {} : { unit }) };
  let sigma = known;
  return {
    listener: (event) => {
      if (event.type === "noise") sigma = event.sigma;
      const line = plainLine(event, { metric, sigma });
      if (line !== null) to.write(`${asTyped(printable(line))}\n`);
    },
    end: () => {},
  };
}
