export { finalizeSession } from "./finalize.ts";
export { doubted, review } from "./review.ts";
