/** Writes filters.ts anew from refusals.ts: `node src/sandbox/seccomp/compile.ts`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { filtersModule } from "./module.ts";

writeFileSync(join(import.meta.dirname, "filters.ts"), filtersModule());
