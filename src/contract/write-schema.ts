import { writeFileSync } from "node:fs";
import { jsonSchema } from "./index.ts";

// Writes docs/program.schema.json anew; a test says when that is due.
const target = new URL("../../docs/program.schema.json", import.meta.url);
writeFileSync(target, `${JSON.stringify(jsonSchema(), null, 2)}\n`);
