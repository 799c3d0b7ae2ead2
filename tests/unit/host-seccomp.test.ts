import { describe, expect, test } from "vitest";
import {
  requireSeccompArchitecture,
  type SeccompArchitecture,
  seccompFilter,
  seccompProfile,
} from "../../src/host/sandbox/seccomp.ts";
import { NEWEST_SYSCALL, SYSCALLS } from "../../src/host/sandbox/syscalls.ts";

const ALLOW = 0x7fff0000;
const EPERM = 0x00050001;
const ENOSYS = 0x00050026;
const KILL = 0x80000000;

const AUDIT = { x64: 0xc000003e, arm64: 0xc00000b7 } as const;

/** Calls that a guest must never reach, by their numbers. Source: the kernel's own tables. */
const REFUSED = {
  x64: {
    ptrace: 101,
    mount: 165,
    umount2: 166,
    pivot_root: 155,
    chroot: 161,
    setns: 308,
    unshare: 272,
    keyctl: 250,
    add_key: 248,
    request_key: 249,
    bpf: 321,
    perf_event_open: 298,
    userfaultfd: 323,
    process_vm_readv: 310,
    process_vm_writev: 311,
    open_by_handle_at: 304,
    name_to_handle_at: 303,
    memfd_create: 319,
    io_uring_setup: 425,
    io_uring_enter: 426,
    io_uring_register: 427,
    init_module: 175,
    finit_module: 313,
    kexec_load: 246,
    connect: 42,
    bind: 49,
    listen: 50,
    accept: 43,
    accept4: 288,
    seccomp: 317,
    landlock_restrict_self: 446,
    pidfd_getfd: 438,
    mount_setattr: 442,
    move_mount: 429,
    open_tree: 428,
    fsopen: 430,
    mknod: 133,
    mknodat: 259,
    reboot: 169,
    sethostname: 170,
    swapon: 167,
    iopl: 172,
    shmget: 29,
    msgget: 68,
    kcmp: 312,
    personality: 135,
  },
  arm64: {
    ptrace: 117,
    mount: 40,
    umount2: 39,
    pivot_root: 41,
    chroot: 51,
    setns: 268,
    unshare: 97,
    keyctl: 219,
    add_key: 217,
    request_key: 218,
    bpf: 280,
    perf_event_open: 241,
    userfaultfd: 282,
    process_vm_readv: 270,
    process_vm_writev: 271,
    open_by_handle_at: 265,
    name_to_handle_at: 264,
    memfd_create: 279,
    io_uring_setup: 425,
    io_uring_enter: 426,
    io_uring_register: 427,
    init_module: 105,
    finit_module: 273,
    kexec_load: 104,
    connect: 203,
    bind: 200,
    listen: 201,
    accept: 202,
    accept4: 242,
    seccomp: 277,
    landlock_restrict_self: 446,
    pidfd_getfd: 438,
    mount_setattr: 442,
    move_mount: 429,
    open_tree: 428,
    fsopen: 430,
    mknodat: 33,
    reboot: 142,
    sethostname: 161,
    swapon: 224,
    shmget: 194,
    msgget: 186,
    kcmp: 272,
    personality: 92,
  },
} as const;

/** What the kernel would do with one call: an interpreter of the few opcodes that the filter uses. */
function judge(filter: Uint8Array, call: { audit: number; number: number; argument?: number }): number {
  const view = new DataView(filter.buffer, filter.byteOffset, filter.byteLength);
  const data = new Map([
    [0, call.number],
    [4, call.audit],
    [16, call.argument ?? 0],
  ]);
  let accumulator = 0;
  for (let at = 0; at < filter.length / 8; at += 1) {
    const ifTrue = view.getUint8(at * 8 + 2);
    const ifFalse = view.getUint8(at * 8 + 3);
    const operand = view.getUint32(at * 8 + 4, true);
    switch (view.getUint16(at * 8, true)) {
      case 0x20: {
        const word = data.get(operand);
        if (word === undefined) throw new Error(`no word at ${operand}`);
        accumulator = word;
        break;
      }
      case 0x54:
        accumulator = (accumulator & operand) >>> 0;
        break;
      case 0x15:
        at += accumulator === operand ? ifTrue : ifFalse;
        break;
      case 0x25:
        at += accumulator > operand ? ifTrue : ifFalse;
        break;
      case 0x06:
        return operand;
      default:
        throw new Error(`unknown instruction at ${at}`);
    }
  }
  throw new Error("the filter ends without a verdict");
}

describe.each(["x64", "arm64"] as const)("the filter of %s", (architecture: SeccompArchitecture) => {
  const filter = seccompFilter(architecture);
  const audit = AUDIT[architecture];
  const column = architecture === "x64" ? 0 : 1;
  const numberOf = (name: string): number => {
    const number = SYSCALLS[name]?.[column];
    if (number === undefined) throw new Error(`no ${name}`);
    return number;
  };

  test("allows exactly what is named, and nothing else that exists", () => {
    const named = new Set(Object.values(SYSCALLS).map((numbers) => numbers[column]));
    const conditional = new Set(["socket", "socketpair"].map(numberOf));
    for (let number = 0; number <= NEWEST_SYSCALL; number += 1) {
      const expected =
        number === 435 ? ENOSYS : named.has(number) && !conditional.has(number) ? ALLOW : EPERM;
      expect([number, judge(filter, { audit, number })]).toEqual([number, expected]);
    }
  });

  test.each(Object.entries(REFUSED[architecture]))("refuses %s", (_, number) => {
    expect(judge(filter, { audit, number })).toBe(EPERM);
  });

  test("tells of newer calls that they don't exist", () => {
    expect(judge(filter, { audit, number: NEWEST_SYSCALL + 1 })).toBe(ENOSYS);
    expect(judge(filter, { audit, number: 0x40000000 | numberOf("read") })).toBe(ENOSYS);
    expect(judge(filter, { audit, number: 0xffffffff })).toBe(ENOSYS);
  });

  test("ends a process that calls by another processor's table", () => {
    const others = [0x40000003, AUDIT[architecture === "x64" ? "arm64" : "x64"], 0];
    for (const other of others) {
      expect(judge(filter, { audit: other, number: numberOf("read") })).toBe(KILL);
    }
  });

  test("lets clone make threads and processes, and no namespace", () => {
    const clone = (argument: number): number => judge(filter, { audit, number: numberOf("clone"), argument });
    expect([clone(17), clone(0x3d0f00), clone(0x01200011)]).toEqual([ALLOW, ALLOW, ALLOW]);
    for (const bit of [17, 25, 26, 27, 28, 29, 30]) expect([bit, clone(2 ** bit + 17)]).toEqual([bit, EPERM]);
  });

  test.each(["socket", "socketpair"])("lets %s make local sockets only", (name) => {
    const families = Array.from({ length: 64 }, (_, family) => family);
    const allowed = families.filter(
      (argument) => judge(filter, { audit, number: numberOf(name), argument }) === ALLOW,
    );
    expect(allowed).toEqual([1]);
  });

  test("says the same as Docker's profile", () => {
    const profile = seccompProfile(architecture);
    const always = profile.syscalls.filter(
      (rule) => rule.action === "SCMP_ACT_ALLOW" && rule.args === undefined,
    );
    const names = Object.keys(SYSCALLS).filter((name) => SYSCALLS[name]?.[column] !== undefined);
    const conditional = ["clone", "socket", "socketpair"];
    expect(always.flatMap((rule) => rule.names)).toEqual(names.filter((name) => !conditional.includes(name)));
    expect({ ...profile, syscalls: profile.syscalls.filter((rule) => !always.includes(rule)) }).toEqual({
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrnoRet: 1,
      architectures: [architecture === "x64" ? "SCMP_ARCH_X86_64" : "SCMP_ARCH_AARCH64"],
      syscalls: [
        ...conditional.map((name) => ({
          names: [name],
          action: "SCMP_ACT_ALLOW",
          args: [
            name === "clone"
              ? { index: 0, value: 0x7e020000, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }
              : { index: 0, value: 0xffffffff, valueTwo: 1, op: "SCMP_CMP_MASKED_EQ" },
          ],
        })),
        { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 },
      ],
    });
  });
});

test("a processor without a table has no filter", () => {
  expect(requireSeccompArchitecture("arm64")).toBe("arm64");
  expect(() => requireSeccompArchitecture("riscv64")).toThrowError(
    expect.objectContaining({ code: 500, kind: "seccomp_architecture" }),
  );
});
