import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { Order } from "./sandbox.ts";
import { isRoot, tryOut } from "./tools.ts";

/**
 * Mounts the layer on the tree's own place, in a mount namespace that only what follows sees, and then executes it. The
 * paths are relative, since the mount's options cannot hold every character that a path can.
 */
const script =
  'cd "$1" && mount -t overlay overlay -o "lowerdir=.,upperdir=$2,workdir=$3$4" . && cd "$5" && shift 5 && exec "$@"';

/** Others than root get the rights to mount from a user namespace, in which they keep their own number. */
const asUser = ["--user", "--map-current-user", "--keep-caps"];

const withoutRights = ["setpriv", "--ambient-caps", "-all", "--inh-caps", "-all"];

/** The command line with the order's layer over its tree; the same where the order has none. */
export function overlaid(
  argv: readonly string[],
  order: Pick<Order, "overlay" | "tree">,
  cwd: string,
): string[] {
  const { overlay, tree } = order;
  if (!overlay) return [...argv];
  return [
    ...["unshare", ...(isRoot ? [] : asUser), "--mount", "--propagation", "private"],
    ...["sh", "-c", script, "sh", tree, relative(tree, overlay.upper), relative(tree, overlay.work)],
    ...[isRoot ? "" : ",userxattr", cwd],
    ...(isRoot ? [] : withoutRights),
    ...argv,
  ];
}

/** Whether the kernel and this folder's file system can do it, found by doing it. */
export async function canOverlay(folder: string): Promise<boolean> {
  if (process.platform !== "linux") return false;
  const place = mkdtempSync(join(folder, "overlay-"));
  try {
    const [tree, upper, work] = ["tree", "upper", "work"].map((name) => join(place, name)) as [
      string,
      string,
      string,
    ];
    for (const each of [tree, upper, work]) mkdirSync(each);
    mkdirSync(join(tree, "old"));
    writeFileSync(join(tree, "file"), "old");
    const command = [
      "sh",
      "-c",
      "rmdir old && mkdir old && echo new > old/file && echo new > file && cat old/file",
    ];
    return (await tryOut(overlaid(command, { tree, overlay: { upper, work } }, tree))) === "new";
  } finally {
    // The kernel leaves a folder there that only root could look into.
    const kernels = join(place, "work", "work");
    if (existsSync(kernels)) chmodSync(kernels, 0o700);
    rmSync(place, { recursive: true, force: true });
  }
}
