export { type Channel, channelOf, isTimed, isWeighed } from "./channel.ts";
export type * from "./contract.ts";
export { placeOf, splitFrontMatter, yamlFault } from "./frontMatter.ts";
export { nearest } from "./near.ts";
export { formatProblem, type Parsed, parseProgram, placeInProgram } from "./program.ts";
export { parseResearcher, usualControl } from "./researchers.ts";
export { jsonSchema } from "./schema.ts";
export { evaluatorFile } from "./scorers.ts";
export { parseDuration } from "./units.ts";
