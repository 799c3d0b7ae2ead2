import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { type AccessToken, errors, Provider } from "oidc-provider";
import { applyCors } from "../../../demo/servers/cors.ts";
import { closeServer, listen, type RunningServer } from "../../../demo/servers/loopback.ts";

/** An MCP server behind an authorization server that is not ours, and what a test may see and do there. */
export interface ProtectedServer extends RunningServer {
  readonly issuer: string;
  /** Grants that the token endpoint gave, by their type. */
  readonly granted: readonly string[];
  /** Tokens that it gave. */
  readonly tokens: readonly string[];
  /** How long the access tokens last that it gives from now on. */
  accessTokenSeconds: number;
  /** Whether the authorization server still takes a refresh token. */
  takes(refreshToken: string): Promise<boolean>;
  /** The server refuses the access tokens that were given so far. */
  revokeAccessTokens(): Promise<void>;
}

/** The client that needs no registration. */
export const REGISTERED_CLIENT = "the-page";

/**
 * `oidc-provider` with its own pages for sign-in and consent, before an MCP server with the tools `whoami` (scope
 * `read`), `private` (scope `private`) and `echo`, which repeats the header that it was sent.
 */
export async function startProtectedServer(redirectUrl?: string): Promise<ProtectedServer> {
  let answer: RequestListener = (_, response) => response.writeHead(503).end();
  const listening = { port: 0, host: "127.0.0.1" };
  const resource = await listen((request, response) => answer(request, response), {
    ...listening,
    name: "MCP",
  });
  const mcpUrl = `http://127.0.0.1:${resource.port}/mcp`;
  let callback: RequestListener = (_, response) => response.writeHead(503).end();
  const authorization = await listen(
    (request, response) => {
      if (!applyCors(request, response)) callback(request, response);
    },
    { ...listening, name: "The authorization server" },
  );
  const issuer = `http://127.0.0.1:${authorization.port}`;
  const granted: string[] = [];
  const tokens: string[] = [];
  const accessTokens: AccessToken[] = [];
  let accessTokenSeconds = 3_600;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: REGISTERED_CLIENT,
        redirect_uris: [redirectUrl ?? "http://127.0.0.1/signed-in"],
        application_type: "native",
        token_endpoint_auth_method: "none",
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
      },
    ],
    scopes: ["openid", "offline_access", "read", "private"],
    features: {
      registration: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo(_, indicator) {
          if (indicator !== mcpUrl) throw new errors.InvalidTarget();
          return {
            scope: "read private",
            audience: mcpUrl,
            accessTokenFormat: "opaque",
            accessTokenTTL: accessTokenSeconds,
          };
        },
      },
    },
    cookies: { keys: ["for tests"] },
    ttl: { Grant: 3_600, Interaction: 600, Session: 3_600, RefreshToken: 3_600 },
  });
  provider.on("grant.success", (context) => {
    granted.push(String(context.oidc.params?.["grant_type"]));
    const body: unknown = context.body;
    for (const name of ["access_token", "refresh_token"]) {
      const token: unknown = typeof body === "object" && body !== null ? Reflect.get(body, name) : undefined;
      if (typeof token === "string") tokens.push(token);
    }
  });
  provider.on("access_token.saved", (token) => void accessTokens.push(token));
  const respond = provider.callback();
  callback = (request, response) => void respond(request, response);

  const handler = createMcpHandler(() => createTools(() => sent));
  const mcp = toNodeHandler(handler);
  let sent = "";
  answer = (request, response) => {
    if (applyCors(request, response)) return;
    const { pathname } = new URL(request.url ?? "/", issuer);
    if (pathname === "/.well-known/oauth-protected-resource/mcp") {
      response.setHeader("content-type", "application/json");
      response.end(
        JSON.stringify({ resource: mcpUrl, authorization_servers: [issuer], scopes_supported: ["read"] }),
      );
      return;
    }
    void admit(request, response).then((admitted) => {
      sent = request.headers.authorization ?? "";
      if (admitted)
        return mcp(
          Object.assign(request, { url: request.url ?? "/", method: request.method ?? "GET" }),
          response,
        );
    });
  };

  /** What a resource server does: the token is known, not too old, for this server, and goes far enough. */
  async function admit(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const [, text] = /^Bearer (.+)$/.exec(request.headers.authorization ?? "") ?? [];
    const token = text === undefined ? undefined : await provider.AccessToken.find(text);
    const metadata = `resource_metadata="${new URL("/.well-known/oauth-protected-resource/mcp", mcpUrl).href}"`;
    if (token?.isValid !== true || ![token.aud].flat().includes(mcpUrl)) {
      response.writeHead(401, { "www-authenticate": `Bearer ${metadata}, scope="read"` }).end();
      return false;
    }
    const needed = request.headers["mcp-name"] === "private" ? "private" : "read";
    if (token.scopes.has(needed)) return true;
    const challenge = `Bearer error="insufficient_scope", scope="${needed}", ${metadata}`;
    response.writeHead(403, { "www-authenticate": challenge }).end();
    return false;
  }

  return {
    url: mcpUrl,
    issuer,
    granted,
    tokens,
    get accessTokenSeconds() {
      return accessTokenSeconds;
    },
    set accessTokenSeconds(seconds) {
      accessTokenSeconds = seconds;
    },
    async takes(refreshToken) {
      return (await provider.RefreshToken.find(refreshToken)) !== undefined;
    },
    async revokeAccessTokens() {
      for (const token of accessTokens.splice(0)) await token.destroy();
    },
    async close() {
      await handler.close();
      await closeServer(resource.server);
      await closeServer(authorization.server);
    },
  };
}

function createTools(sent: () => string): McpServer {
  const server = new McpServer({ name: "notes", version: "1" });
  const reply = (text: string) => ({ content: [{ type: "text" as const, text }] });
  const annotations = { readOnlyHint: true, openWorldHint: false };
  server.registerTool("whoami", { description: "Who is signed in", annotations }, () => reply("a user"));
  server.registerTool("private", { description: "Reads private notes", annotations }, () => reply("private"));
  const echo = { description: "Repeats the credentials that it was sent", annotations };
  server.registerTool("echo", echo, () => reply(`You sent ${sent()}`));
  return server;
}
