export type * from "./contract.ts";
export { placeOf, splitFrontMatter, yamlFault } from "./frontMatter.ts";
export { formatProblem, type Parsed, parseProgram } from "./program.ts";
export { parseResearcher, usualControl } from "./researchers.ts";
export { jsonSchema } from "./schema.ts";
export { storedProgram } from "./stored.ts";
export { parseDuration } from "./units.ts";
