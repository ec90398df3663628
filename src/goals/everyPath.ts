/** A glob for every path, hidden ones at any depth included: all but a name that no file can have. */
export const everyPath: readonly string[] = ["!\u0001"];
