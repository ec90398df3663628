export { homePlace, treePlace } from "./bubblewrap/launch.ts";
export type { Neighbours } from "./neighbours.ts";
export { openSandbox, type SandboxOptions } from "./open.ts";
export { requireProcessors } from "./processors.ts";
export type * from "./sandbox.ts";
export { looksSecret } from "./secrets.ts";
export { type Slot, type SlotMode, takeSlot } from "./slot.ts";
export { endStrays, type Stray, straysOf } from "./strays.ts";
export { abandonedFolders, temporaryFolder } from "./temporary.ts";
