export { claimGpus, type GpuClaim } from "./claim.ts";
export type { Gpu } from "./gpu.ts";
export { listGpus, suitableGpus } from "./inventory.ts";
export { type GpuWatch, readyToWatch, watchGpus } from "./monitor.ts";
export { gpuArguments, gpuVariables } from "./shown.ts";
