import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { findInheritableDescriptors } from "../../src/host/sandbox/inherited-fds.ts";

const SECRET = `PLANTED_${crypto.randomUUID()}`;

describe.skipIf(process.platform !== "linux")("descriptors that the host inherited", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "mcp-optimizer-fds-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  // Node itself marks those up to the first gap.
  test.each([40, 200])("number %i goes to no process that is started as a sandbox is", (number) => {
    const file = path.join(folder, "secret");
    writeFileSync(file, SECRET);
    const secret = openSync(file, "r");
    const stdio = Array.from({ length: number + 1 }, (_, at) =>
      at === number ? secret : ("ignore" as const),
    );
    const script = path.join(import.meta.dirname, "setup/inheriting-host.ts");
    const { stdout, stderr } = spawnSync(process.execPath, [script], {
      stdio: ["ignore", "pipe", "pipe", ...stdio.slice(3)],
      encoding: "utf8",
      timeout: 60_000,
    });
    closeSync(secret);
    if (stdout === "") throw new Error(stderr);
    const { guarded, plain } = JSON.parse(stdout);
    expect(guarded).toContain("exit code");
    expect(guarded).not.toContain(SECRET);
    // Without it the process has the file.
    expect(plain).toContain(SECRET);
  });

  test("those that Node opened itself are none of them", () => {
    const before = findInheritableDescriptors();
    const own = openSync("/dev/null", "r");
    expect(findInheritableDescriptors()).toEqual(before);
    closeSync(own);
  });
});
