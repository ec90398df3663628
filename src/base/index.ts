export { withoutControlSequences } from "./controlSequences.ts";
export { mean } from "./numbers.ts";
export { hashOf, oneLine } from "./text.ts";
