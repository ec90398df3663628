export { mean } from "./numbers.ts";
export { hashOf, oneLine } from "./text.ts";
