import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type OpenHost, openHost } from "../setup/open-host.ts";
import { rawRequest } from "../setup/raw-http.ts";
import { type HttpTarget, honest, PROGRAM, request } from "./http-case.ts";
import { HTTP_CASES } from "./http-cases.ts";
import { startNaiveServer } from "./naive-server.ts";

let open: OpenHost;
let target: HttpTarget;

beforeAll(async () => {
  open = await openHost({
    origins: ["https://app.example.com"],
    admission: { requestsPerMinute: 100_000 },
  });
  target = {
    url: open.url,
    authority: new URL(open.url).host,
    token: open.token,
    raw: (bytes) => rawRequest(open.url, bytes),
    async executed() {
      const text = await (await open.send("/metrics")).text();
      const counts = text.matchAll(/^mcp_optimizer_requests_total\{(?!.*"failed").*\} (\d+)$/gm);
      return Array.from(counts, ([, count]) => Number(count)).reduce((sum, count) => sum + count, 0);
    },
  };
});

afterAll(() => open[Symbol.asyncDispose]());

/** A dead host holds every attack: an honest request has to work, and to be counted. */
async function requireAlive(): Promise<void> {
  const before = await target.executed();
  const response = await target.raw(request(target, "POST /v1/runs", honest(target), PROGRAM));
  expect(response.status).toBe(200);
  expect(response.body).toContain('"value":2');
  expect(await target.executed()).toBe(before + 1);
}

describe("who wants in gets nothing", () => {
  test.for(HTTP_CASES)("$id: $wants", { timeout: 60_000 }, async ({ attack, takesLong }) => {
    await requireAlive();
    let ended = false;
    const attacking = attack(target).finally(() => {
      ended = true;
    });
    if (takesLong) {
      for (let asked = 0; asked < 10; asked += 1) await requireAlive();
      expect(ended).toBe(false);
    }
    expect(await attacking).toEqual([]);
    await requireAlive();
  });
});

test.for(HTTP_CASES)(
  "control: $id gets through where nothing holds it",
  { timeout: 60_000 },
  async ({ attack }) => {
    await using naive = await startNaiveServer();
    expect(await attack(naive)).not.toEqual([]);
  },
);
