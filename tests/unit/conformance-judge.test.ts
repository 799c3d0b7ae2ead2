import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findFailures } from "../conformance/judge.ts";
import { parseRequirements } from "../conformance/requirements.ts";

const OK = { id: "a", status: "SUCCESS", description: "A" };
const INFO = { id: "b", status: "INFO", description: "B" };
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-judge-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe("a scenario passes", () => {
  test("when a check succeeded and the client came to its end", async () => {
    await leave("auth/basic-cimd", [OK, INFO], "as expected\n");
    expect(await findFailures(folder, "client", ["auth/basic-cimd"])).toEqual([]);
  });

  test("for a server without a client", async () => {
    await leave("server-server-initialize", [OK]);
    expect(await findFailures(folder, "server", ["server-initialize"])).toEqual([]);
  });
});

describe("a scenario fails", () => {
  test.for([
    ["a check failed", [OK, { ...OK, id: "c", status: "FAILURE", errorMessage: "bad" }], "FAILURE c: bad"],
    ["a check warned", [OK, { ...OK, status: "WARNING" }], "WARNING a: A"],
    ["nothing was checked", [INFO], "nothing was checked"],
    ["there are no checks", [], "nothing was checked"],
  ] as const)("when %s", async ([, checks, reason]) => {
    await leave("ping", checks, "as expected");
    expect(await findFailures(folder, "client", ["ping"])).toEqual([`ping: ${reason}`]);
  });

  test("when the client gave up, whatever the checks say", async () => {
    await leave("ping", [OK], "", "no connection");
    expect(await findFailures(folder, "client", ["ping"])).toEqual([
      "ping: the client gave up: no connection",
    ]);
  });

  test("when it left no result, or all of them did", async () => {
    await leave("ping", [OK], "as expected");
    expect(await findFailures(folder, "client", ["ping", "pong"])).toEqual(["pong: it left no result"]);
    expect(await findFailures(path.join(folder, "none"), "client", ["ping"])).toEqual([
      "ping: it left no result",
    ]);
  });
});

test("the required scenarios are those under the two headings, without what is never scored", () => {
  const text = [
    "Required for 2025-11-25 (3 scenarios, frozen; run at the 2025-11-25 wire):",
    "",
    "Server scenarios (test against a server):",
    "  - ping",
    "  - tools-list",
    "",
    "Client scenarios (test against a client):",
    "  - auth/basic-cimd",
    "",
    "Run and reported, but never scored:",
    "  extension (1):",
    "    - auth/dpop [client]",
    "",
    "Required for 2026-07-28 (1 scenarios, frozen; run at the 2026-07-28 wire):",
    "",
    "Client scenarios (test against a client):",
    "  - tools_call",
    "",
  ].join("\n");
  expect(parseRequirements(text)).toEqual(
    new Map([
      ["2025-11-25", { server: ["ping", "tools-list"], client: ["auth/basic-cimd"] }],
      ["2026-07-28", { server: [], client: ["tools_call"] }],
    ]),
  );
});

async function leave(scenario: string, checks: readonly object[], stdout = "", stderr = ""): Promise<void> {
  const place = path.join(folder, `${scenario}-2026-11-28T20-50-53-504Z`);
  await mkdir(place, { recursive: true });
  await writeFile(path.join(place, "checks.json"), JSON.stringify(checks));
  await writeFile(path.join(place, "stdout.txt"), stdout);
  await writeFile(path.join(place, "stderr.txt"), stderr);
}
