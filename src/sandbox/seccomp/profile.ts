import type { FilterParts } from "./filter.ts";
import { always, apart, type Condition, pinned, type Refusal, results } from "./refusals.ts";

/** A rule of a container engine's profile (OCI runtime specification, `linux.seccomp`). */
export interface ProfileRule {
  names: [string];
  action: "SCMP_ACT_ERRNO";
  errnoRet: number;
  args?: [ProfileTest];
}

/** `SCMP_CMP_MASKED_EQ`: the bits of the argument that are in `value` are those of `valueTwo`. */
export interface ProfileTest {
  index: number;
  value: number;
  valueTwo?: number;
  op: "SCMP_CMP_MASKED_EQ" | "SCMP_CMP_GT";
}

export interface Profile {
  defaultAction: "SCMP_ACT_ALLOW";
  architectures: [string];
  syscalls: ProfileRule[];
}

const architectures: Record<string, string> = { x64: "SCMP_ARCH_X86_64", arm64: "SCMP_ARCH_AARCH64" };

/**
 * The same refusals as the filter for bubblewrap, as a profile for podman and docker; null where there is none for this
 * processor. A call that the engine's own library does not know yet is passed over by it.
 */
export function seccompProfile(parts: FilterParts, processor: string = process.arch): Profile | null {
  const architecture = architectures[processor];
  if (architecture === undefined) return null;
  const refusals = [...always, ...(parts.apart ? apart : []), ...(parts.pinned ? pinned : [])];
  const numbers = processor as "x64" | "arm64";
  return {
    defaultAction: "SCMP_ACT_ALLOW",
    architectures: [architecture],
    syscalls: refusals.filter((refusal) => refusal[numbers] !== null).flatMap(rules),
  };
}

/** One rule for each test that a call may fail: a rule holds one, and any rule that fits refuses. */
function rules({ call, result, when }: Refusal): ProfileRule[] {
  const rule = (test?: ProfileTest): ProfileRule => ({
    names: [call],
    action: "SCMP_ACT_ERRNO",
    errnoRet: results[result],
    ...(test ? { args: [test] } : {}),
  });
  return when ? tests(when).map(rule) : [rule()];
}

/** The kernel looks at the lower half of these arguments alone, and so do the tests. */
const lower = 0xffffffff;

function tests(when: Condition): ProfileTest[] {
  const index = when.argument;
  const bits = (value: number, valueTwo: number): ProfileTest => ({
    ...{ index, value, valueTwo },
    op: "SCMP_CMP_MASKED_EQ",
  });
  if ("above" in when) return [{ index, value: when.above, op: "SCMP_CMP_GT" }];
  if ("anyOf" in when) return when.anyOf.map((value) => bits(lower, value));
  if ("hasAnyBitOf" in when) return bitsOf(when.hasAnyBitOf).map((bit) => bits(bit, bit));
  return otherThan(when.noneOf).map(({ mask, value }) => bits(mask, value));
}

/**
 * Tests of which one fits every number that has a bit besides those of `allowed`, save the number with all bits where
 * that is allowed. A number with some such bits, and not all, has one that is set before one (in a circle) that is not.
 */
function otherThan(allowed: readonly number[]): { mask: number; value: number }[] {
  const free = bitsOf(
    allowed.filter((value) => value !== lower).reduce((all, value) => (all | value) >>> 0, 0),
  );
  const others = bitsOf(lower).filter((bit) => !free.includes(bit));
  if (!allowed.includes(lower)) return others.map((bit) => ({ mask: bit, value: bit }));
  const all = others.reduce((sum, bit) => sum + bit, 0);
  return [
    ...others.map((bit, at) => ({
      mask: bit + (others[(at + 1) % others.length] as number),
      value: bit,
    })),
    ...free.map((bit) => ({ mask: all + bit, value: all })),
  ];
}

function bitsOf(value: number): number[] {
  return Array.from({ length: 32 }, (_, at) => 2 ** at).filter((bit) => (value & bit) !== 0);
}
