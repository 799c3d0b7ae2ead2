// What crosses here: every system call of a guest. One list of what is allowed makes both forms of the filter,
// the bytes that bubblewrap loads and the JSON that Docker loads, so that the two can't differ.

import { OptimizerError } from "../../base/errors.ts";
import { NEWEST_SYSCALL, SYSCALLS } from "./syscalls.ts";

/** Processors that the filter knows, as `process.arch` names them. */
export const SECCOMP_ARCHITECTURES = ["x64", "arm64"] as const;

export type SeccompArchitecture = (typeof SECCOMP_ARCHITECTURES)[number];

/** The `seccomp` profile of an OCI runtime, and what Docker takes inline as `SecurityOpt: ["seccomp=<JSON>"]`. */
export interface SeccompProfile {
  readonly defaultAction: "SCMP_ACT_ERRNO";
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly {
    readonly names: readonly string[];
    readonly action: "SCMP_ACT_ALLOW" | "SCMP_ACT_ERRNO";
    readonly errnoRet?: number;
    readonly args?: readonly {
      readonly index: number;
      readonly value: number;
      readonly valueTwo: number;
      readonly op: "SCMP_CMP_MASKED_EQ";
    }[];
  }[];
}

const EPERM = 1;
const ENOSYS = 38;

/** CLONE_NEWNS, _NEWCGROUP, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID and _NEWNET. `sched.h` */
const CLONE_NAMESPACES = 0x7e020000;

const AF_UNIX = 1;

/** Calls that are allowed while the bits of their first argument under `mask` are `value`. */
const FIRST_ARGUMENTS: ReadonlyMap<string, { readonly mask: number; readonly value: number }> = new Map([
  ["clone", { mask: CLONE_NAMESPACES, value: 0 }],
  ["socket", { mask: 0xffffffff, value: AF_UNIX }],
  ["socketpair", { mask: 0xffffffff, value: AF_UNIX }],
]);

/** A filter can't read what its argument points to; libc falls back to `clone`, whose flags it can. */
const ABSENT = new Map([["clone3", 435]]);

const PROCESSORS = {
  x64: { column: 0, auditArchitecture: 0xc000003e, oci: "SCMP_ARCH_X86_64" },
  arm64: { column: 1, auditArchitecture: 0xc00000b7, oci: "SCMP_ARCH_AARCH64" },
} as const satisfies Record<SeccompArchitecture, unknown>;

/** The words of `struct seccomp_data`, by their offset. The arguments' lower halves come first on both processors. */
const NUMBER_OFFSET = 0;
const ARCHITECTURE_OFFSET = 4;
const FIRST_ARGUMENT_OFFSET = 16;

/** Opcodes of classic BPF. `linux/bpf_common.h` */
const LOAD = 0x20;
const AND = 0x54;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_GREATER = 0x25;
const RETURN = 0x06;

const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;
const fail = (errno: number): number => 0x00050000 | errno;

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

/** Names the processor for the filter. 500 `seccomp_architecture` where there is no filter for it. */
export function requireSeccompArchitecture(architecture: string): SeccompArchitecture {
  const known = SECCOMP_ARCHITECTURES.find((name) => name === architecture);
  if (known !== undefined) return known;
  throw new OptimizerError(`There is no system call filter for the processor ${architecture}.`, {
    code: 500,
    kind: "seccomp_architecture",
    hint: `The filter knows ${SECCOMP_ARCHITECTURES.join(" and ")}; use another sandbox.`,
  });
}

/** The filter as an array of `struct sock_filter`, little-endian: what `bwrap --seccomp` reads. */
export function seccompFilter(architecture: SeccompArchitecture): Uint8Array {
  const { auditArchitecture } = PROCESSORS[architecture];
  const instructions: Instruction[] = [
    [LOAD, 0, 0, ARCHITECTURE_OFFSET],
    [JUMP_IF_EQUAL, 1, 0, auditArchitecture],
    [RETURN, 0, 0, KILL_PROCESS],
    [LOAD, 0, 0, NUMBER_OFFSET],
    // Calls of the x32 ABI too: their numbers have bit 30.
    [JUMP_IF_GREATER, 0, 1, NEWEST_SYSCALL],
    [RETURN, 0, 0, fail(ENOSYS)],
  ];
  const on = (number: number, block: readonly Instruction[]): void => {
    instructions.push([JUMP_IF_EQUAL, 0, block.length, number], ...block);
  };
  for (const [, number] of ABSENT) on(number, [[RETURN, 0, 0, fail(ENOSYS)]]);
  for (const [name, number] of allowedOn(architecture)) {
    const argument = FIRST_ARGUMENTS.get(name);
    if (argument === undefined) {
      on(number, [[RETURN, 0, 0, ALLOW]]);
      continue;
    }
    on(number, [
      [LOAD, 0, 0, FIRST_ARGUMENT_OFFSET],
      [AND, 0, 0, argument.mask],
      [JUMP_IF_EQUAL, 0, 1, argument.value],
      [RETURN, 0, 0, ALLOW],
      [RETURN, 0, 0, fail(EPERM)],
    ]);
  }
  instructions.push([RETURN, 0, 0, fail(EPERM)]);
  return encode(instructions);
}

/** The same filter for Docker and other OCI runtimes; these answer ENOSYS to newer calls by themselves. */
export function seccompProfile(architecture: SeccompArchitecture): SeccompProfile {
  const names = allowedOn(architecture).map(([name]) => name);
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: EPERM,
    architectures: [PROCESSORS[architecture].oci],
    syscalls: [
      { names: names.filter((name) => !FIRST_ARGUMENTS.has(name)), action: "SCMP_ACT_ALLOW" },
      ...[...FIRST_ARGUMENTS].map(
        ([name, { mask, value }]) =>
          ({
            names: [name],
            action: "SCMP_ACT_ALLOW",
            args: [{ index: 0, value: mask, valueTwo: value, op: "SCMP_CMP_MASKED_EQ" }],
          }) as const,
      ),
      { names: [...ABSENT.keys()], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS },
    ],
  };
}

function allowedOn(architecture: SeccompArchitecture): readonly (readonly [name: string, number: number])[] {
  const { column } = PROCESSORS[architecture];
  return Object.entries(SYSCALLS).flatMap(([name, numbers]) => {
    const number = numbers[column];
    return number === undefined ? [] : [[name, number] as const];
  });
}

function encode(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, [code, ifTrue, ifFalse, operand]] of instructions.entries()) {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, ifTrue);
    view.setUint8(index * 8 + 3, ifFalse);
    view.setUint32(index * 8 + 4, operand, true);
  }
  return bytes;
}
