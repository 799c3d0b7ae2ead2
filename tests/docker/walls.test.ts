import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { gvisor } from "../../src/host/sandbox/gvisor.ts";
import type { HostSandbox } from "../../src/host/sandbox/host-sandbox.ts";
import { createPlace, type SandboxPlace } from "../suites/sandbox-case.ts";
import { PLACES } from "./setup/places.ts";

const { missing, address } = inject("docker");

/** What a process is, by the kernel that it runs on. */
const LOOK = `
import os, re
status = open("/proc/self/status").read()
field = lambda name: re.search(rf"^{name}:\\s*(.+)$", status, re.M)[1]
return {
    "user": [os.getuid(), os.getgid(), [one for one in os.getgroups() if one != os.getgid()]],
    "capabilities": [int(field(name), 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd")],
    "gains": field("NoNewPrivs") if "NoNewPrivs" in status else "unknown",
    "filter": field("Seccomp"),
    "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
    "environment": sorted(os.environ),
    "host": os.uname().nodename,
}
`;

for (const { name, reason, open } of PLACES) {
  describe.skipIf(reason !== "")(`the walls of ${name}${reason && ` (${reason})`}`, () => {
    let sandbox: HostSandbox;
    let place: SandboxPlace;
    let python: SandboxPlace;
    beforeAll(() => {
      sandbox = open();
      place = createPlace(sandbox, "javascript", () => sandbox);
      python = createPlace(sandbox, "python", () => sandbox);
    });
    afterAll(() => sandbox[Symbol.asyncDispose]());

    test("all hold, as its own probe found them", async () => {
      const found = await sandbox.probe();
      expect(found).toMatchObject({ usable: true, strength: sandbox.strength });
      expect(found.walls.filter(({ held }) => !held)).toEqual([]);
      expect(found.walls.map(({ wall }) => wall).toSorted()).toEqual([
        "cpuSeconds",
        "diskBytes",
        "fileHandles",
        "memoryBytes",
        "network",
        "processes",
        "readOnlyFs",
      ]);
    });

    test("a program is nobody, may nothing, and sees only itself", async () => {
      const seen = await python.value(LOOK);
      expect(seen).toMatchObject({
        user: [65534, 65534, []],
        capabilities: [0, 0, 0, 0],
        processes: [1],
        environment: expect.not.arrayContaining(["NODE_EXTRA_CA_CERTS", "DOCKER_HOST"]),
        host: "sandbox",
      });
      // The filter is the machine's kernel's; gVisor's own has none, and needs none.
      if (sandbox.strength === "container") expect(seen).toMatchObject({ gains: "1", filter: "2" });
    });

    test("a run that takes too much memory ends for that reason", async () => {
      const code = "const kept = []; for (;;) kept.push(Buffer.alloc(2 ** 24, 1))";
      const outcome = await place.run(code, { limits: { memoryBytes: 1024 * 1024 * 1024 } });
      expect(outcome).toMatchObject({ status: "stopped", reason: "memory" });
    });

    test("an endless loop that nobody can interrupt is ended", async () => {
      const outcome = await python.run(
        "while True:\n  try:\n    while True: pass\n  except BaseException: pass",
        {
          limits: { timeoutMs: 500 },
        },
      );
      expect(outcome).toMatchObject({ status: "stopped", reason: "timeout" });
    });
  });
}

describe.skipIf(missing !== "")(`gvisor() in Docker${missing && ` (${missing})`}`, () => {
  test("refuses a runtime that brings no kernel of its own", async () => {
    await using sandbox = gvisor({ docker: { address, runtime: "runc" } });
    expect(await sandbox.probe()).toMatchObject({
      usable: false,
      reason: expect.stringContaining("programs run on the machine's own kernel"),
    });
  });

  test("says that a daemon does not have it", async () => {
    await using sandbox = gvisor({ docker: { address, runtime: "none-such" } });
    expect(await sandbox.probe()).toMatchObject({
      usable: false,
      reason: expect.stringContaining("it has no runtime none-such"),
    });
  });
});
