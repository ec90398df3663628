import { chmodSync, existsSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../errors.ts";
import type { Mount } from "../sandbox/index.ts";
import { hatchVariable } from "./protocol.ts";

/** Where a box has the hatch, and the `whet` that asks through it. */
const place = "/whetstone/hatch";

/**
 * What a box is shown so that `whet` runs in it: this Node, the client, and the socket, all of them read-only.
 *
 * @param folder a host folder of this box's own, in which the socket lies.
 */
export function shownHatch(
  folder: string,
  socket: string,
): { mounts: Mount[]; variables: Record<string, string>; programs: string } {
  const command = join(folder, "whet");
  // From the sources it consists of two files, which are shown as the folder that they are.
  const [source, bundle] = ["./client.ts", "./hatch.js"].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  ) as [string, string];
  const isBundled = existsSync(bundle);
  const client = isBundled ? `${place}/client.mjs` : `${place}/source/client.ts`;
  if (!isBundled && !existsSync(source))
    throw new UserError("a part of Whetstone is missing: hatch.js", "install whetstone again");
  writeFileSync(command, `#!/bin/sh\nexec ${place}/node ${client} "$@"\n`);
  chmodSync(command, 0o755);
  const shown: [string, string][] = [
    [realpathSync(process.execPath), `${place}/node`],
    isBundled ? [bundle, client] : [join(source, ".."), `${place}/source`],
    [command, `${place}/bin/whet`],
    [socket, `${place}/socket`],
  ];
  return {
    mounts: shown.map(([host, path]) => ({ host, at: { path }, writable: false })),
    variables: { [hatchVariable]: `${place}/socket` },
    programs: `${place}/bin`,
  };
}
