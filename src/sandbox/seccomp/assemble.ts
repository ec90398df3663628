import { type Condition, type Refusal, results } from "./refusals.ts";

export const processors = ["x64", "arm64"] as const;
export type Processor = (typeof processors)[number];

/** AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64 of linux/audit.h */
const architecture: Record<Processor, number> = { x64: 0xc000003e, arm64: 0xc00000b7 };
/** Calls of the x32 interface have this bit, and other numbers. */
const x32 = 0x40000000;

/** Opcodes of classic BPF (linux/filter.h). */
const load = 0x20;
const jump = { equal: 0x15, above: 0x25, atLeast: 0x35, anyBit: 0x45 } as const;
const answer = 0x06;
const allowed = 0x7fff0000;
const refused = 0x00050000;

type Instruction = [code: number, then: number, otherwise: number, value: number];

/** Where struct seccomp_data has the number of the call, the architecture, and the two halves of an argument. */
const at = {
  number: 0,
  architecture: 4,
  low: (argument: number) => 16 + 8 * argument,
  high: (argument: number) => 20 + 8 * argument,
};

const refuse = (refusal: Pick<Refusal, "result">): Instruction => [
  answer,
  0,
  0,
  refused | results[refusal.result],
];

/** The beginning of every filter: calls of other interfaces (i386, x32) do not exist; the number is loaded. */
export function head(processor: Processor): Buffer {
  const missing = refuse({ result: "ENOSYS" });
  return encode([
    [load, 0, 0, at.architecture],
    [jump.equal, 1, 0, architecture[processor]],
    missing,
    [load, 0, 0, at.number],
    ...(processor === "x64" ? ([[jump.atLeast, 0, 1, x32], missing] satisfies Instruction[]) : []),
  ]);
}

/** A part in the middle: refuses what is on the list, and falls through to the next part otherwise. */
export function part(refusals: readonly Refusal[], processor: Processor): Buffer {
  return encode(
    refusals.flatMap((refusal) => {
      const number = refusal[processor];
      if (number === null) return [];
      const body = refusal.when ? conditional(refusal, refusal.when) : [refuse(refusal)];
      return [[jump.equal, 0, body.length, number] satisfies Instruction, ...body];
    }),
  );
}

/** The end of every filter. */
export function end(): Buffer {
  return encode([[answer, 0, 0, allowed]]);
}

/** Refuses under a condition; else the number is loaded again for what follows. */
function conditional(refusal: Refusal, when: Condition): Instruction[] {
  const test: Instruction[] = [[load, 0, 0, at.low(when.argument)]];
  const [again, no] = [[load, 0, 0, at.number] satisfies Instruction, refuse(refusal)];
  if ("hasAnyBitOf" in when) return [...test, [jump.anyBit, 0, 1, when.hasAnyBitOf], no, again];
  if ("above" in when)
    return [
      [load, 0, 0, at.high(when.argument)],
      [jump.equal, 0, 2, 0],
      ...test,
      [jump.above, 0, 1, when.above],
      no,
      again,
    ];
  const values = "anyOf" in when ? when.anyOf : when.noneOf;
  // A hit leads to the refusal after the list, or past it.
  const past = "noneOf" in when ? 1 : 0;
  const compared = values.map((value, index): Instruction => {
    const left = values.length - 1 - index;
    return [jump.equal, left + past, left === 0 && past === 0 ? 1 : 0, value];
  });
  return [...test, ...compared, no, again];
}

function encode(instructions: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(8 * instructions.length);
  instructions.forEach(([code, then, otherwise, value], index) => {
    bytes.writeUInt16LE(code, 8 * index);
    bytes.writeUInt8(then, 8 * index + 2);
    bytes.writeUInt8(otherwise, 8 * index + 3);
    bytes.writeUInt32LE(value >>> 0, 8 * index + 4);
  });
  return bytes;
}
