import { parsed } from "../json.ts";
import { type Figure, listOf, numbers } from "./figure.ts";

/** `size-limit --json`: bytes of each entry, and seconds to load and run it where they were measured. */
export function sizeLimit(text: string): Figure[] {
  return listOf(parsed(text)).flatMap((each) =>
    typeof each.name === "string"
      ? numbers(
          each.name,
          { ...each, time: each.time ?? each.total },
          { size: "B", loading: "s", running: "s", time: "s" },
        )
      : [],
  );
}
