export { mean } from "./numbers.ts";
export { oneLine } from "./text.ts";
