import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Profile, seccompProfile } from "./profile.ts";
import { always, apart, type Condition, pinned, type Refusal, results } from "./refusals.ts";

const all = [...always, ...apart, ...pinned];

/** What an engine does with a profile: the first rule that fits refuses. */
function answer(profile: Profile, call: string, argument: (index: number) => bigint): number | null {
  for (const { names, errnoRet, args } of profile.syscalls) {
    if (names[0] !== call) continue;
    const [test] = args ?? [];
    if (!test) return errnoRet;
    const value = argument(test.index);
    const fits =
      test.op === "SCMP_CMP_GT"
        ? value > BigInt(test.value)
        : (value & BigInt(test.value)) === BigInt(test.valueTwo ?? 0);
    if (fits) return errnoRet;
  }
  return null;
}

function applies(when: Condition | undefined, whole: bigint): boolean {
  if (!when) return true;
  const low = Number(whole & 0xffffffffn);
  if ("above" in when) return whole > BigInt(when.above);
  if ("anyOf" in when) return when.anyOf.includes(low);
  if ("hasAnyBitOf" in when) return (BigInt(low) & BigInt(when.hasAnyBitOf)) !== 0n;
  // Of numbers that are allowed the profile cannot refuse the sums.
  const sum = when.noneOf.filter((each) => each !== 0xffffffff).reduce((bits, each) => bits | each, 0);
  return low !== 0xffffffff && (BigInt(low) & ~BigInt(sum)) !== 0n;
}

function meant(refusals: readonly Refusal[], call: string, whole: bigint): number | null {
  const found = refusals.find((each) => each.call === call && each.x64 !== null && applies(each.when, whole));
  return found ? results[found.result] : null;
}

describe("the seccomp profile for containers", () => {
  const profile = seccompProfile({ apart: true, pinned: true }, "x64") as Profile;
  const interesting = fc.oneof(
    fc.constantFrom(...all.flatMap(({ when }) => (when && "anyOf" in when ? when.anyOf : [])).map(BigInt)),
    fc.constantFrom(0n, 8n, 0x40000n, 0x20000n, 0xffffffffn, 0x0400000n, 0xfffffffen, 4096n, 4097n),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.integer({ min: 0, max: 31 }).map((bit) => 2n ** BigInt(bit)),
  );

  it("refuses what the filter for bubblewrap refuses, with the same answer, whatever the upper half holds", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...new Set(all.map(({ call }) => call)), "read", "openat"),
        interesting,
        fc.boolean(),
        (call, low, upper) => {
          const whole = upper ? low | (0xdeadn << 32n) : low;
          expect(answer(profile, call, () => whole)).toBe(meant(all, call, whole));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("allows locks and other processors where a run may have them", () => {
    const open = seccompProfile({ apart: false, pinned: false }, "x64") as Profile;
    for (const call of ["flock", "sched_setaffinity", "inotify_add_watch"]) {
      expect(answer(open, call, () => 0n)).toBeNull();
      expect(answer(profile, call, () => 0n)).not.toBeNull();
    }
    expect(answer(open, "keyctl", () => 0n)).toBe(results.ENOSYS);
  });

  it("knows one processor's calls alone, and is missing for processors without a list", () => {
    expect(profile.architectures).toEqual(["SCMP_ARCH_X86_64"]);
    const arm = seccompProfile({ apart: true, pinned: false }, "arm64") as Profile;
    expect(arm.architectures).toEqual(["SCMP_ARCH_AARCH64"]);
    expect(arm.syscalls.some(({ names }) => names[0] === "iopl")).toBe(false);
    expect(seccompProfile({ apart: true, pinned: false }, "riscv64")).toBeNull();
  });
});
