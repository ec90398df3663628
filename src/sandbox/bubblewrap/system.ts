import { lstatSync, readlinkSync } from "node:fs";

/** /bin and the like are links into /usr on most systems and folders on some. */
export function systemFolders(): string[] {
  const args: string[] = [];
  for (const folder of ["/bin", "/sbin", "/lib", "/lib64", "/lib32"]) {
    const info = lstatSync(folder, { throwIfNoEntry: false });
    if (!info) continue;
    if (info.isSymbolicLink()) args.push("--symlink", readlinkSync(folder), folder);
    else args.push("--ro-bind", folder, folder);
  }
  return args;
}

/**
 * Root may write the kernel's settings in /proc by its number alone, without any capability, and core_pattern names a
 * command that the kernel runs outside: bubblewrap leaves them as they are when it finds them unwritable itself.
 */
export function kernelSettings(): string[] {
  return ["sys", "sysrq-trigger", "fs", "acpi", "scsi", "mtrr"].flatMap((name) => [
    "--ro-bind-try",
    `/proc/${name}`,
    `/proc/${name}`,
  ]);
}

/** What programs look up in /etc; with the network also what names and certificates need. */
export function etc(network: boolean): string[] {
  const names = ["ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "passwd", "group"];
  if (network) names.push("resolv.conf", "hosts", "nsswitch.conf", "ssl", "ca-certificates", "pki");
  return names.flatMap((name) => ["--ro-bind-try", `/etc/${name}`, `/etc/${name}`]);
}
