import type { IncomingHttpHeaders, RequestListener } from "node:http";
import type { OAuthClientProvider } from "@modelcontextprotocol/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { closeServer, listen } from "../../demo/servers/loopback.ts";
import { OptimizerError } from "../../src/base/errors.ts";
import { createServerSource } from "../../src/mcp/server-source.ts";

const cleanUp: (() => Promise<void>)[] = [];
/** What each request carried, by who got it. */
let seen: { readonly by: "server" | "other"; readonly path: string; readonly headers: IncomingHttpHeaders }[];

beforeEach(() => {
  seen = [];
});

afterEach(async () => {
  for (const close of cleanUp.splice(0)) await close();
});

test("configured headers reach the server only, not the authorization server that it names", async () => {
  const other: string = await serve("other", ({ url }, response) => {
    if (url === "/.well-known/oauth-authorization-server") {
      response.setHeader("content-type", "application/json");
      response.end(
        JSON.stringify({
          issuer: other,
          authorization_endpoint: `${other}/authorize`,
          token_endpoint: `${other}/token`,
          registration_endpoint: `${other}/register`,
          response_types_supported: ["code"],
          code_challenge_methods_supported: ["S256"],
        }),
      );
    } else if (url === "/register") {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ client_id: "page", redirect_uris: ["http://127.0.0.1/callback"] }));
    } else response.writeHead(404).end();
  });
  const server: string = await serve("server", ({ url }, response) => {
    if (url === "/.well-known/oauth-protected-resource/mcp") {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ resource: `${server}/mcp`, authorization_servers: [other] }));
    } else response.writeHead(401, { "www-authenticate": "Bearer" }).end();
  });
  let asked: URL | undefined;
  const auth = createProvider((url) => {
    asked = url;
  });

  await using source = createServerSource("s", {
    url: `${server}/mcp`,
    headers: { "x-api-key": "for-the-server" },
    auth,
  });
  await source.connect();

  expect(asked?.origin).toBe(other);
  expect(source.status).toMatchObject({ state: "unavailable", kind: "unauthorized" });
  expect(new Set(seen.map(({ by, headers }) => `${by}: ${headers["x-api-key"]}`))).toEqual(
    new Set(["server: for-the-server", "other: undefined"]),
  );
  expect(seen.filter(({ by }) => by === "other").map(({ path }) => path)).toContain("/register");
});

test("an account of another server makes a server unavailable, and nothing is sent", async () => {
  const server = await serve("server", (_, response) => response.writeHead(401).end());
  const account = {
    token: async () => undefined,
    identity: async () => "",
    requireScope() {},
    attach() {
      throw new OptimizerError("It has another server.", { code: 400, kind: "bad_server_options" });
    },
  };
  await using source = createServerSource("s", { url: `${server}/mcp`, auth: account });
  await source.connect();
  expect(source.status).toMatchObject({ state: "unavailable", kind: "bad_server_options" });
  expect(seen).toEqual([]);
});

test("a token that an `auth` gave is taken out of what the server says of it", async () => {
  const token = "a-token-of-the-user";
  const server = await serve("server", ({ headers }, response) => {
    response.writeHead(500, { "content-type": "text/plain" }).end(`no: ${headers.authorization}`);
  });
  const auth = { token: async () => token };
  await using source = createServerSource("s", { url: `${server}/mcp`, transport: "http", auth });
  await source.connect();
  expect(seen.map(({ headers }) => headers.authorization)).toContain(`Bearer ${token}`);
  expect(source.status).toMatchObject({ state: "unavailable" });
  expect(JSON.stringify(source.status)).not.toContain(token);
});

async function serve(by: "server" | "other", answer: RequestListener): Promise<string> {
  const { port, server } = await listen(
    (request, response) => {
      seen.push({ by, path: request.url ?? "", headers: request.headers });
      answer(request, response);
    },
    { port: 0, host: "127.0.0.1", name: by },
  );
  cleanUp.push(() => closeServer(server));
  return `http://127.0.0.1:${port}`;
}

/** A user who is asked to sign in and does not. */
function createProvider(onRedirect: (url: URL) => void): OAuthClientProvider {
  let client: ReturnType<OAuthClientProvider["clientInformation"]>;
  return {
    redirectUrl: "http://127.0.0.1/callback",
    clientMetadata: { redirect_uris: ["http://127.0.0.1/callback"] },
    clientInformation: () => client,
    saveClientInformation(information) {
      client = information;
    },
    tokens: () => undefined,
    saveTokens() {},
    redirectToAuthorization: onRedirect,
    saveCodeVerifier() {},
    codeVerifier: () => "",
  };
}
