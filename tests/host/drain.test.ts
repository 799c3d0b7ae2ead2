import { describe, expect, test } from "vitest";
import { openHost, readEvents } from "./setup/open-host.ts";

const slow = (ms: number): string =>
  `await new Promise((resolve) => setTimeout(resolve, ${ms})); return "done"`;

describe("a host that is told to end", () => {
  test("takes nothing new, and lets what runs come to its end", async () => {
    await using open = await openHost();
    const run = await open.send("/v1/runs", { json: { code: slow(600) } });
    const drained = open.host.drain(20_000);
    const refused = await open.send("/v1/runs", { json: { code: "return 1" } });
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toBe("5");
    expect(await refused.json()).toMatchObject({ error: { kind: "draining", retryable: true } });
    expect((await fetch(`${open.url}/readyz`)).status).toBe(503);
    expect(await (await fetch(`${open.url}/healthz`)).json()).toEqual({ status: "draining" });
    expect((await readEvents(run)).at(-1)).toMatchObject({ result: { status: "returned", value: "done" } });
    await drained;
    await expect(fetch(`${open.url}/healthz`)).rejects.toThrow();
  });

  test("ends what still runs with 408 when its time is over", async () => {
    await using open = await openHost();
    const run = await open.send("/v1/runs", { json: { code: slow(60_000) } });
    const events = readEvents(run);
    await open.host.drain(100);
    expect((await events).at(-1)).toMatchObject({
      result: { status: "stopped", reason: "cancelled", code: 408 },
    });
  });

  test("ends at once when it is disposed, and twice does no harm", async () => {
    const open = await openHost();
    const run = await open.send("/v1/runs", { json: { code: slow(60_000) } });
    const events = readEvents(run).catch(() => []);
    await open[Symbol.asyncDispose]();
    await open[Symbol.asyncDispose]();
    const last = (await events).at(-1);
    if (last !== undefined) expect(last).toMatchObject({ result: { status: "stopped", code: 408 } });
    await expect(fetch(`${open.url}/healthz`)).rejects.toThrow();
  });
});
