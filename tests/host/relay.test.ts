import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { describe, expect, test } from "vitest";
import { startErrorsServer } from "../../demo/servers/errors-server.ts";
import { createOutbound } from "../../src/host/outbound.ts";
import { openHost } from "./setup/open-host.ts";
import { startUpstream } from "./setup/upstream.ts";

const PAGE = "https://app.example.com";

describe("the relay", () => {
  test("lets an MCP client speak both eras with a server", async () => {
    const errors = await startErrorsServer({ port: 0, records: 50 });
    await using open = await openHost({
      servers: { errors: { url: errors.url, relay: "held", tools: false } },
    });
    for (const mode of ["auto", "legacy"] as const) {
      const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
      const headers = { authorization: `Bearer ${open.token}` };
      await client.connect(
        new StreamableHTTPClientTransport(new URL(`${open.url}/relay/errors`), { requestInit: { headers } }),
      );
      expect(client.getProtocolEra()).toBe(mode === "auto" ? "modern" : "legacy");
      const { structuredContent } = await client.callTool({ name: "list_errors", arguments: { limit: 1 } });
      expect(structuredContent).toMatchObject({ errors: [{ id: "ERR-00001" }] });
      await client.close();
    }
    await errors.close();
  });

  test("passes on what the client says, but for what is the host's, the connection's or the browser's", async () => {
    const upstream = await startUpstream((_, response) => {
      response.writeHead(200, {
        "content-type": "application/json",
        "set-cookie": "a=1",
        "access-control-allow-origin": "*",
        "mcp-session-id": "s1",
        connection: "x-hop",
        "x-hop": "1",
      });
      response.end('{"n":12345678901234567890}');
    });
    await using open = await openHost({
      origins: [PAGE],
      servers: { up: { url: upstream.url, relay: "pass", tools: false } },
    });
    const body = '{"n":12345678901234567890}';
    const headers = {
      "content-type": "application/json",
      "mcp-method": "tools/list",
      "x-custom": "1",
      cookie: "session=1",
      referer: "https://app.example.com/private",
      origin: PAGE,
      "x-forwarded-for": "10.0.0.1",
      "x-mcp-optimizer-token": open.token,
      authorization: "Bearer of-the-server",
    };
    const response = await fetch(`${open.url}/relay/up?x=1`, { method: "POST", headers, body });
    expect(await response.text()).toBe(body);
    expect(response.headers.get("mcp-session-id")).toBe("s1");
    expect(response.headers.get("access-control-allow-origin")).toBe(PAGE);
    for (const name of ["set-cookie", "x-hop"]) expect(response.headers.get(name)).toBeNull();
    const [got] = upstream.received;
    expect(got).toMatchObject({ method: "POST", url: "/mcp", body });
    expect(got?.headers).toMatchObject({
      authorization: "Bearer of-the-server",
      "mcp-method": "tools/list",
      "x-custom": "1",
      host: new URL(upstream.url).host,
    });
    for (const name of ["cookie", "referer", "origin", "x-forwarded-for", "x-mcp-optimizer-token"])
      expect(got?.headers[name]).toBeUndefined();
    await upstream.close();
  });

  test("never passes on its own token; with held credentials the client's are not used", async () => {
    const upstream = await startUpstream((_, response) => response.end("{}"));
    await using open = await openHost({
      servers: {
        pass: { url: upstream.url, relay: "pass", tools: false },
        held: { url: upstream.url, relay: "held", tools: false, headers: { authorization: "Bearer held" } },
        unrelayed: { url: upstream.url, tools: false },
      },
    });
    await open.send("/relay/pass", { json: {} });
    await open.send("/relay/held", { json: {} });
    await fetch(`${open.url}/relay/held`, {
      headers: { "x-mcp-optimizer-token": open.token, authorization: "Bearer mine" },
    });
    expect(upstream.received.map(({ headers }) => headers.authorization)).toEqual([
      undefined,
      "Bearer held",
      "Bearer held",
    ]);
    expect(JSON.stringify(upstream.received)).not.toContain(open.token);
    for (const name of ["unrelayed", "unknown", "__proto__", "constructor", "http:%2F%2F127.0.0.1"]) {
      const response = await open.send(`/relay/${name}`);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { kind: "unknown_server" } });
    }
    expect(upstream.received).toHaveLength(3);
    await upstream.close();
  });

  test("streams, and lets go of the server when the client does", async () => {
    const gone = Promise.withResolvers<void>();
    const upstream = await startUpstream((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: first\n\n");
      response.on("close", gone.resolve);
    });
    await using open = await openHost({
      servers: { up: { url: upstream.url, relay: "held", tools: false } },
    });
    const leaving = new AbortController();
    const response = await open.send("/relay/up", { signal: leaving.signal });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect(await reader?.read()).toEqual({ done: false, value: "data: first\n\n" });
    leaving.abort();
    await gone.promise;
    await upstream.close();
  });

  test("follows no redirect, and tells nothing of the network behind it", async () => {
    const target = await startUpstream((_, response) => response.end("secret"));
    const upstream = await startUpstream((_, response) => {
      response.writeHead(307, { location: target.url });
      response.end();
    });
    await using open = await openHost({
      servers: {
        up: { url: upstream.url, relay: "held", tools: false },
        down: { url: "http://127.0.0.1:1/mcp", relay: "held", tools: false },
      },
    });
    const redirected = await open.send("/relay/up", { json: {} });
    expect(redirected.status).toBe(500);
    expect(redirected.headers.get("location")).toBeNull();
    expect(target.received).toEqual([]);
    const down = await open.send("/relay/down", { json: {} });
    expect(down.status).toBe(500);
    const text = await down.text();
    expect(JSON.parse(text)).toMatchObject({ error: { kind: "unreachable", retryable: true } });
    expect(text).not.toContain("127.0.0.1");
    await upstream.close();
    await target.close();
  });
});

describe("what leaves the host", () => {
  const ask = async (url: string, privateAddresses: readonly string[] = []): Promise<number> => {
    using outbound = createOutbound({ url: new URL(url), privateAddresses });
    return (await outbound.fetch(url)).status;
  };

  test("reaches private addresses only where the operator named that very address", async () => {
    const upstream = await startUpstream((_, response) => response.end("{}"));
    const { port } = new URL(upstream.url);
    expect(await ask(`http://127.0.0.1:${port}/`)).toBe(200);
    expect(await ask(`http://localhost:${port}/`, [])).toBe(200);
    await upstream.close();
  });

  test.for([
    "10.0.0.1",
    "169.254.169.254",
    "127.0.0.1",
    "[::1]",
    "[fd00::1]",
    "[::ffff:127.0.0.1]",
    "0.0.0.0",
  ])("is refused to the address %s of a server by another name", async (address) => {
    const own = new URL("http://203.0.114.7/");
    using outbound = createOutbound({ url: own });
    await expect(outbound.fetch(`http://${address}/`)).rejects.toMatchObject({ code: 403 });
  });

  test("is refused to a name that resolves to a private address, unless that is listed", async () => {
    const upstream = await startUpstream((_, response) => {
      response.writeHead(200, { connection: "close" });
      response.end("{}");
    });
    const url = new URL(`http://rebinding.example:${new URL(upstream.url).port}/`);
    const local = { address: "127.0.0.1", family: 4 };
    const mapped = { address: "::ffff:7f00:1", family: 6 };
    const open = { address: "203.0.114.7", family: 4 };
    for (const addresses of [[local], [mapped], [open, local], []]) {
      using outbound = createOutbound({ url, resolve: async () => addresses });
      await expect(outbound.fetch(url)).rejects.toMatchObject({ code: 403, kind: "private_address" });
    }
    expect(upstream.received).toEqual([]);
    using listed = createOutbound({ url, privateAddresses: ["127.0.0.0/8"], resolve: async () => [local] });
    expect((await listed.fetch(url)).status).toBe(200);

    // The name is looked at again for each connection: a good answer is no pass for the next.
    const answers = [[local], [{ address: "127.0.0.2", family: 4 }]];
    using rebound = createOutbound({
      url,
      privateAddresses: ["127.0.0.1"],
      resolve: async () => answers.shift() ?? [],
    });
    expect((await rebound.fetch(url)).status).toBe(200);
    await expect(rebound.fetch(url)).rejects.toMatchObject({ code: 403, kind: "private_address" });
    expect(upstream.received).toHaveLength(2);
    await upstream.close();
  });

  test.for(["x", "10.0.0.0/99", "10.0.0.0/", "10.0.0.0/8/8", ""])("%j is no address", (entry) => {
    expect(() => createOutbound({ url: new URL("http://a.example"), privateAddresses: [entry] })).toThrow(
      expect.objectContaining({ code: 400, kind: "invalid_options" }),
    );
  });
});
