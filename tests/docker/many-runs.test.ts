import { describe, expect, inject, test } from "vitest";
import { docker } from "../../src/host/sandbox/docker.ts";
import { resolveDockerAddress } from "../../src/host/sandbox/docker-address.ts";
import { DockerEngine } from "../../src/host/sandbox/docker-engine.ts";
import { DockerTransport } from "../../src/host/sandbox/docker-transport.ts";
import { EVERY_CASE } from "../suites/every-case.ts";
import { createPlace } from "../suites/sandbox-case.ts";

const { missing, address } = inject("docker");

const RUNS = EVERY_CASE ? 200 : 60;
const AT_ONE_TIME = 4;

describe.skipIf(missing !== "")(`many runs${missing && ` (${missing})`}`, () => {
  test(`${RUNS} of them give what they must, and leave no container`, { timeout: 900_000 }, async () => {
    const sandbox = docker({ address });
    const engine = new DockerEngine(new DockerTransport(resolveDockerAddress({ address })));
    const values: unknown[] = [];
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < RUNS) {
        const number = next++;
        const place = createPlace(sandbox, number % 2 === 0 ? "javascript" : "python", () => sandbox);
        values[number] = await place.value(`return ${number} * 2`);
      }
    };
    try {
      await Promise.all(Array.from({ length: AT_ONE_TIME }, work));
    } finally {
      await sandbox[Symbol.asyncDispose]();
    }
    expect(values).toEqual(Array.from({ length: RUNS }, (_, number) => number * 2));
    expect([...(await engine.list("mcp-optimizer.host")).values()].map(({ name }) => name)).toEqual([]);
  });
});
