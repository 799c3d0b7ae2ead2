import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, inject, test } from "vitest";
import { requireSeccompArchitecture, seccompFilter } from "../../src/host/sandbox/seccomp.ts";

const missing = inject("noBubblewrap");

/** Makes calls that don't harm where they are let through, and prints the error number of each. */
const PROBE = `
import ctypes, json, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    return 0 if libc.syscall(number, *arguments) >= 0 else ctypes.get_errno()
x64 = os.uname().machine == "x86_64"
seen = {
    "getpid": call(39 if x64 else 172),
    "io_uring_setup": call(425, 0, 0),
    "bpf": call(321 if x64 else 280, 0, 0, 0),
    "keyctl": call(250 if x64 else 219, 0, 0),
    "unshare": call(272 if x64 else 97, 0),
    "ptrace": call(101 if x64 else 117, 99, 0, 0, 0),
    "memfd_create": call(319 if x64 else 279, b"x", 0),
    "clone3": call(435, 0, 0),
    "newer": call(454, 0, 0),
    "inet": call(41 if x64 else 198, 2, 1, 0),
    "netlink": call(41 if x64 else 198, 16, 3, 0),
    "unix": call(41 if x64 else 198, 1, 1, 0),
    "unix with a high half": call(41 if x64 else 198, ctypes.c_uint64((1 << 32) | 2), 1, 0),
}
print(json.dumps(seen))
`;

function runProbe(filter: string | undefined): unknown {
  const fd = filter === undefined ? undefined : openSync(filter, "r");
  try {
    const seccomp = fd === undefined ? [] : ["--seccomp", "3"];
    const { stdout, stderr } = spawnSync(
      "bwrap",
      ["--ro-bind", "/", "/", "--unshare-net", ...seccomp, "--", "/usr/bin/python3", "-I", "-c", PROBE],
      {
        stdio: ["ignore", "pipe", "pipe", ...(fd === undefined ? [] : [fd])],
        encoding: "utf8",
        timeout: 30_000,
      },
    );
    if (stdout === "") throw new Error(stderr);
    return JSON.parse(stdout);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

describe.skipIf(missing !== "")(`the system call filter in the kernel${missing && ` (${missing})`}`, () => {
  const folder = mkdtempSync(path.join(tmpdir(), "mcp-optimizer-seccomp-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("refuses what it must, and lets the rest through", () => {
    const file = path.join(folder, "filter.bpf");
    writeFileSync(file, seccompFilter(requireSeccompArchitecture(process.arch)));
    const [EPERM, ENOSYS] = [1, 38];
    expect(runProbe(file)).toEqual({
      getpid: 0,
      io_uring_setup: EPERM,
      bpf: EPERM,
      keyctl: EPERM,
      unshare: EPERM,
      ptrace: EPERM,
      memfd_create: EPERM,
      clone3: ENOSYS,
      newer: ENOSYS,
      inet: EPERM,
      netlink: EPERM,
      unix: 0,
      "unix with a high half": EPERM,
    });
  });

  test("the same calls get through without it", () => {
    expect(runProbe(undefined)).toMatchObject({ unshare: 0, memfd_create: 0, inet: 0, netlink: 0 });
  });
});
