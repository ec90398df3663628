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

/** What the processors are and how memory lies: numbers of the machine that many libraries read when they start. */
export function machineFacts(): string[] {
  return ["cpu", "node"].flatMap((name) => {
    const folder = `/sys/devices/system/${name}`;
    return ["--ro-bind-try", folder, folder];
  });
}
