import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { keepingLab } from "../../bench/faults/kill.ts";
import { repository, startWith, whet } from "../support/lab.ts";
import { eventsOf, expectAcknowledged, query } from "../support/ledger.ts";

const folder = mkdtempSync(join(tmpdir(), "whet-fsync-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Lets a number of synchronisations through and fails all that follow, as a dying disk does. */
const source = `
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static long left = -2;
static int fails(void) {
  if (left == -2) { const char *text = getenv("FSYNC_FAILS_AFTER"); left = text ? atol(text) : -1; }
  if (left < 0) return 0;
  if (left > 0) { left--; return 0; }
  errno = EIO;
  return 1;
}
int fsync(int fd) { return fails() ? -1 : (int)syscall(SYS_fsync, fd); }
int fdatasync(int fd) { return fails() ? -1 : (int)syscall(SYS_fdatasync, fd); }
`;

function compiled(): string | null {
  if (process.platform !== "linux") return null;
  writeFileSync(join(folder, "shim.c"), source);
  const shim = join(folder, "shim.so");
  const args = ["-shared", "-fPIC", "-O1", "-o", shim, join(folder, "shim.c")];
  return spawnSync("cc", args).status === 0 ? shim : null;
}

const shim = compiled();

const skipped = shim ? "" : " (skipped: it takes Linux and cc)";

describe.runIf(shim)(`a disk that no longer synchronises${skipped}`, () => {
  it.each([0, 12, 47])(
    "ends the session with a message after %i writes, and what was acknowledged is there",
    async (writes) => {
      const lab = repository(keepingLab);
      const env = { LD_PRELOAD: shim as string, FSYNC_FAILS_AFTER: String(writes) };
      const options = ["--audit", "0", "--seed", "1"];
      const ended = await startWith(env, lab, "run", "--json", "--experiments", "100000", ...options)
        .finished;
      expect(ended.stderr).toMatch(/disk I\/O error/);
      expect(ended.stderr).not.toMatch(/should not happen/);
      expect(ended.code).toBe(1);
      const events = eventsOf(ended.stdout);
      expect(events.some((event) => event.type === "evaluation")).toBe(writes >= 12);
      const again = await whet(lab, "run", "--experiments", "3", ...options);
      expect(again.stderr).toBe("");
      expect(again.code).toBe(0);
      expectAcknowledged(lab, events);
      expect(query(lab, "select count(*) from experiments")).toBeGreaterThanOrEqual(3);
      expect((await whet(lab, "doctor")).stdout).toMatch(/all is well/);
    },
  );
});
