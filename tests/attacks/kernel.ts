import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import type { Attack, Context } from "./attack.ts";
import { recalling } from "./labs.ts";
import { start } from "./vault.ts";

const isRoot = process.getuid?.() === 0;
const has = (command: string) => spawnSync("sh", ["-c", `command -v ${command}`]).status === 0;
const onX64 = () => process.arch === "x64" && has("perl");
const sh = (body: string) => ({ "src/run.sh": `echo ${start} > "$OUT/guess"\n${body}\nexit 0\n` });
const left = ({ place }: Context, name: string) => {
  const path = join(place.folder, "run", "out", name);
  return existsSync(path) ? readFileSync(path, "utf8") : "";
};

/** KEYCTL_SEARCH (10) in the user's own keyring (-4); what is given by address must be a variable. */
const searchKey =
  '($type, $name, $text) = ("user", "whet-attack", "note"); $key = syscall(250, 10, -4, $type, $name, 0)';

/** Attacks through calls of the kernel, and on what it counts. Perl calls by number, so they need its processor. */
export const kernel: readonly Attack[] = [
  {
    name: "copies that see each other's locks",
    group: "score forging",
    lab: "twins",
    possible: () => has("perl"),
    files: {
      "answer.mjs": recalling({
        before: `import { execFileSync } from "node:child_process";
const look = 'open F, "<", "answer.mjs"; print STDERR flock(F, 6) ? "" : "HEARD\\\\n"; sleep 4';
execFileSync("sh", ["-c", "perl -e '" + look + "' > /dev/null & sleep 1"], { stdio: ["ignore", "ignore", "inherit"] });`,
      }),
    },
    harmed: ({ evaluation }) =>
      evaluation?.logTail.includes("HEARD") ? "one copy saw the lock of the other" : null,
    expect: { L0: "not covered", L2: "blocked" },
    admits: /signalling each other/,
  },
  {
    name: "leaves a key in the user's keyring for the next run",
    group: "reach",
    lab: "vault",
    runs: 2,
    possible: () => onX64() && existsSync("/proc/keys"),
    files: sh(
      `perl -e '${searchKey}; print $key > 0 ? "found" : ""; syscall(248, $type, $name, $text, 4, -4)' > "$OUT/stolen"`,
    ),
    harmed: (context) => (left(context, "stolen") === "found" ? "the run before had left a key" : null),
    cleanup: () => spawnSync("perl", ["-e", `${searchKey}; syscall(250, 9, $key, -4) if $key > 0`]),
    expect: { L0: "not covered", L2: "blocked" },
    admits: /keyring/,
  },
  {
    name: "leaves a mark in the times of a device node",
    group: "reach",
    lab: "vault",
    possible: () => existsSync("/dev/full"),
    files: sh("touch -d 2001-02-03 /dev/full 2>/dev/null"),
    harmed: () => (statSync("/dev/full").mtime.getFullYear() === 2001 ? "the host's node has it" : null),
    cleanup: () => isRoot && utimesSync("/dev/full", new Date(), new Date()),
    expect: isRoot ? { L0: "not covered", L2: "not covered" } : { L0: "blocked", L2: "blocked" },
    admits: /device nodes|the system itself/,
  },
  {
    name: "keeps memory in files that no process has mapped",
    group: "resources",
    lab: "meter",
    possible: onX64,
    files: sh(
      `perl -e '$n = "x"; for $i (1 .. 70) { open $f[$i], ">&=", syscall(319, $n, 0); syswrite $f[$i], "x" x 3000000 } sleep 1'`,
    ),
    expect: { L0: "detected", L2: "detected" },
  },
  {
    name: "keeps memory in a segment of System V that no process is attached to",
    group: "resources",
    lab: "meter",
    possible: () => has("perl"),
    files: sh(
      `perl -e '$id = shmget(0, 200 << 20, 0600); exit if !defined $id; $part = "x" x 1048576; for $at (0 .. 199) { shmwrite($id, $part, $at << 20, 1048576) } open F, ">", "$ENV{OUT}/kept"; print F "all"; close F; select(undef, undef, undef, 0.3); shmctl($id, 0, 0)'`,
    ),
    harmed: (context) => (left(context, "kept") === "all" ? "it kept 200 MB" : null),
    expect: { L0: "not covered", L2: "blocked" },
    admits: /no process has mapped/,
  },
  {
    name: "keeps data in a removed file of $OUT",
    group: "resources",
    lab: "meter",
    files: sh('exec 7> "$OUT/gone"; rm "$OUT/gone"; head -c 4000000 /dev/zero >&7; sleep 1'),
    expect: { L0: "detected", L2: "detected" },
  },
];
