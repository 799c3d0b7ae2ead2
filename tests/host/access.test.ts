import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { newToken, type Scope, tokenDigest } from "../../src/host/tokens.ts";
import { openHost } from "./setup/open-host.ts";
import { rawRequest } from "./setup/raw-http.ts";

const PAGE = "https://app.example.com";

/** A token, and what the host knows of it. */
function grant(tenant?: string, scopes?: readonly Scope[]) {
  const token = newToken();
  return {
    token,
    grant: {
      sha256: tokenDigest(token),
      ...(tenant === undefined ? {} : { tenant }),
      ...(scopes === undefined ? {} : { scopes }),
    },
  };
}

describe("a token", () => {
  test("is asked for everywhere but where the host tells of itself", async () => {
    await using open = await openHost();
    for (const [method, place] of [
      ["POST", "/v1/runs"],
      ["GET", "/v1/runs/x"],
      ["GET", "/v1/sessions"],
      ["POST", "/v1/intents/x"],
      ["POST", "/mcp"],
      ["GET", "/relay/x"],
      ["GET", "/metrics"],
    ] as const) {
      const response = await fetch(open.url + place, { method });
      expect([place, response.status]).toEqual([place, 401]);
      expect(response.headers.get("www-authenticate")).toBe('Bearer realm="mcp-optimizer"');
      expect(await response.json()).toMatchObject({ error: { code: 403, kind: "unauthorized" } });
    }
    expect((await open.send("/v1/sessions", { token: `${open.token}x` })).status).toBe(401);
    expect((await fetch(`${open.url}/v1/sessions?token=${open.token}`)).status).toBe(401);
    const cookie = { cookie: `token=${open.token}; authorization=Bearer ${open.token}` };
    expect((await fetch(`${open.url}/v1/sessions`, { headers: cookie })).status).toBe(401);
    expect((await open.send("/v1/sessions")).status).toBe(200);
  });

  test("allows what its scopes say and nothing else", async () => {
    const runner = grant(undefined, ["run"]);
    const watcher = grant(undefined, ["metrics"]);
    await using open = await openHost({ tokens: [runner.grant, watcher.grant] });
    expect(open.host.token).toBeUndefined();
    const statuses = async (token: string): Promise<readonly number[]> => [
      (await open.send("/v1/runs", { token, json: { code: "return 1" } })).status,
      (await open.send("/metrics", { token })).status,
      (await open.send("/v1/sessions", { token })).status,
      (await open.send("/mcp", { token, json: {} })).status,
    ];
    expect(await statuses(runner.token)).toEqual([200, 403, 403, 403]);
    expect(await statuses(watcher.token)).toEqual([403, 200, 403, 403]);
  });

  test("that makes no sense stops the host from starting", async () => {
    const wrong = { code: 400, kind: "invalid_options" };
    await expect(openHost({ tokens: [{ sha256: "secret" }] })).rejects.toMatchObject(wrong);
    await expect(openHost({ origins: ["null"] })).rejects.toMatchObject(wrong);
    await expect(openHost({ origins: ["*"] })).rejects.toMatchObject(wrong);
    await expect(openHost({ origins: [`${PAGE}/`] })).rejects.toMatchObject(wrong);
  });
});

describe("tenants", () => {
  test("share no session, no run and no context", async () => {
    const one = grant("one");
    const two = grant("two");
    await using open = await openHost({ tokens: [one.grant, two.grant] });
    const run = async (token: string, code: string): Promise<{ value: unknown; runId: string }> => {
      const response = await open.send("/v1/runs", {
        token,
        json: { code },
        headers: { accept: "application/json" },
      });
      return response.json();
    };
    const { runId } = await run(one.token, "await context.set('secret', 1)");
    expect((await run(one.token, "return await context.get('secret')")).value).toBe(1);
    expect((await run(two.token, "return await context.get('secret')")).value).toBeNull();
    expect((await open.send(`/v1/runs/${runId}`, { token: one.token })).status).toBe(200);
    expect((await open.send(`/v1/runs/${runId}`, { token: two.token })).status).toBe(400);
    expect((await open.send(`/v1/runs/${runId}`, { token: two.token, method: "DELETE" })).status).toBe(400);
    const session = await (await open.send("/v1/sessions", { token: one.token, json: {} })).json();
    expect((await open.send(`/v1/sessions/${session.id}`, { token: two.token })).status).toBe(400);
    const list = await open.send("/v1/sessions", { token: two.token });
    expect(await list.json()).toEqual({ sessions: [] });
  });

  test("each have a number of runs at one time, and of requests in a minute", async () => {
    const one = grant("one");
    const two = grant("two");
    await using open = await openHost({
      tokens: [one.grant, two.grant],
      admission: { maxRunsPerTenant: 2, requestsPerMinute: 6 },
    });
    const start = (token: string): Promise<Response> =>
      open.send("/v1/runs", {
        token,
        json: { code: "await new Promise(() => setTimeout(() => 0, 60000))", detach: true },
      });
    expect((await start(one.token)).status).toBe(200);
    expect((await start(one.token)).status).toBe(200);
    const full = await start(one.token);
    expect(full.status).toBe(429);
    expect(full.headers.get("retry-after")).toBe("1");
    expect(await full.json()).toMatchObject({ error: { code: 429, kind: "too_many_runs", retryable: true } });
    expect((await start(two.token)).status).toBe(200);

    const rest = await Promise.all(
      Array.from({ length: 6 }, () => open.send("/v1/sessions", { token: one.token })),
    );
    expect(rest.map(({ status }) => status).filter((status) => status === 429).length).toBeGreaterThanOrEqual(
      2,
    );
    expect(await rest.at(-1)?.json()).toMatchObject({ error: { kind: "too_many_requests" } });
    expect((await open.send("/v1/sessions", { token: two.token })).status).toBe(200);
  });
});

describe("pages", () => {
  test("of an allowed origin may use the host, and read its answers and refusals", async () => {
    await using open = await openHost({ origins: [PAGE] });
    const preflight = await fetch(`${open.url}/v1/runs`, {
      method: "OPTIONS",
      headers: {
        origin: PAGE,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,mcp-param-region,x-other",
        "access-control-request-private-network": "true",
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe(PAGE);
    expect(preflight.headers.get("access-control-allow-private-network")).toBe("true");
    expect(preflight.headers.get("access-control-allow-credentials")).toBeNull();
    expect(preflight.headers.get("access-control-allow-headers")).toMatch(
      /authorization.*, mcp-param-region$/,
    );
    const run = await open.send("/v1/runs", { json: { code: "return 1" }, headers: { origin: PAGE } });
    expect(run.status).toBe(200);
    expect(run.headers.get("access-control-allow-origin")).toBe(PAGE);
    expect(run.headers.get("vary")).toBe("Origin");
    const refused = await fetch(`${open.url}/v1/runs`, { method: "POST", headers: { origin: PAGE } });
    expect(refused.status).toBe(401);
    expect(refused.headers.get("access-control-allow-origin")).toBe(PAGE);
  });

  test.for([
    { origin: "https://app.example.com.evil.example" },
    { origin: "http://app.example.com" },
    { origin: "https://APP.example.com" },
    { origin: "null" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
  ])("elsewhere may not, whatever they know: %j", async (headers) => {
    await using open = await openHost({ origins: [PAGE] });
    for (const method of ["GET", "OPTIONS"]) {
      const fields = Object.entries({ ...headers, authorization: `Bearer ${open.token}` });
      const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
      const host = open.url.slice("http://".length);
      const response = await rawRequest(
        open.url,
        `${method} /v1/sessions HTTP/1.1\r\nHost: ${host}\r\n${lines}\r\n`,
      );
      expect(response.status).toBe(403);
      expect(response.headers["access-control-allow-origin"]).toBeUndefined();
      expect(JSON.parse(response.body)).toMatchObject({ error: { kind: "untrusted_origin" } });
    }
  });
});

describe("names", () => {
  test("are those of the address and those that were given, exactly", async () => {
    await using open = await openHost({ hostnames: ["optimizer.example.com"] });
    const { port } = new URL(open.url);
    const ask = async (host: string): Promise<number> =>
      (await rawRequest(open.url, `GET /healthz HTTP/1.1\r\n${host}\r\n\r\n`)).status;
    for (const name of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`, "optimizer.example.com"])
      expect([name, await ask(`Host: ${name}`)]).toEqual([name, 200]);
    for (const name of ["evil.example", "127.0.0.1", "optimizer.example.com:80", "127.0.0.1.evil.example"])
      expect([name, await ask(`Host: ${name}`)]).toEqual([name, 403]);
    expect(await ask(`Host: localhost:${port}\r\nHost: evil.example`)).toBe(403);
  });
});

describe("where the host listens", () => {
  test("is this machine only, unless it is said to be meant", async () => {
    for (const host of ["0.0.0.0", "::", "192.0.2.1", "example.com"])
      await expect(openHost({ host })).rejects.toMatchObject({ code: 400, kind: "public_address" });
  });

  test("is told when another program has the port", async () => {
    await using open = await openHost();
    const port = Number(new URL(open.url).port);
    await expect(openHost({ port })).rejects.toMatchObject({ code: 400, kind: "address_unavailable" });
  });

  test("speaks TLS with the certificate that it was given", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-tls-"));
    const key = path.join(folder, "key.pem");
    const cert = path.join(folder, "cert.pem");
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    const args = [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "2",
    ];
    execFileSync("openssl", [...args, ...subject, "-keyout", key, "-out", cert], { stdio: "pipe" });
    const pem = { cert: await readFile(cert, "utf8"), key: await readFile(key, "utf8") };
    await rm(folder, { recursive: true });
    await using open = await openHost({ tls: pem });
    expect(open.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const answer = Promise.withResolvers<string>();
    request(`${open.url}/healthz`, { ca: pem.cert }, (response) => answer.resolve(text(response)))
      .on("error", answer.reject)
      .end();
    expect(JSON.parse(await answer.promise)).toEqual({ status: "ok" });
  });
});
