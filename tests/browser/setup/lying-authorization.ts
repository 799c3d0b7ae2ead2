import type { ServerResponse } from "node:http";
import { applyCors } from "../../../demo/servers/cors.ts";
import { closeServer, listen, type RunningServer } from "../../../demo/servers/loopback.ts";

/** What it says instead of the truth. */
export interface Lies {
  readonly resource?: Readonly<Record<string, unknown>>;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Parameters of the answer that the browser carries; `undefined` leaves one out. */
  readonly answer?: Readonly<Record<string, string | undefined>>;
  readonly token?: (response: ServerResponse) => void;
}

/** An MCP server that is its own authorization server, consents by itself, and lies as it is told to. */
export interface LyingAuthorization extends RunningServer {
  lies: Lies;
  /** Paths that were asked for, with their queries. */
  readonly asked: string[];
}

export async function startLyingAuthorization(): Promise<LyingAuthorization> {
  const lying: { lies: Lies; asked: string[] } = { lies: {}, asked: [] };
  const { port, server } = await listen(
    (request, response) => {
      if (applyCors(request, response)) return;
      const origin = `http://127.0.0.1:${port}`;
      const url = new URL(request.url ?? "/", origin);
      lying.asked.push(`${url.pathname}${url.search}`);
      const json = (value: unknown) => {
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify(value));
      };
      const { lies } = lying;
      switch (url.pathname) {
        case "/.well-known/oauth-protected-resource/mcp":
          return json({ resource: `${origin}/mcp`, authorization_servers: [origin], ...lies.resource });
        case "/.well-known/oauth-authorization-server":
          return json({
            issuer: origin,
            authorization_endpoint: `${origin}/authorize`,
            token_endpoint: `${origin}/token`,
            registration_endpoint: `${origin}/register`,
            response_types_supported: ["code"],
            code_challenge_methods_supported: ["S256"],
            authorization_response_iss_parameter_supported: true,
            ...lies.metadata,
          });
        case "/register":
          return json({ client_id: "registered", redirect_uris: ["http://127.0.0.1/"] });
        case "/authorize": {
          const back = new URL(url.searchParams.get("redirect_uri") ?? origin);
          const state = url.searchParams.get("state") ?? "";
          for (const [name, value] of Object.entries({ code: "code", state, iss: origin, ...lies.answer }))
            if (value !== undefined) back.searchParams.set(name, value);
          return response.writeHead(302, { location: back.href }).end();
        }
        case "/token":
          if (lies.token !== undefined) return lies.token(response);
          return json({ access_token: "honest-token", token_type: "Bearer" });
        default:
          return response.writeHead(url.pathname === "/mcp" ? 401 : 404).end();
      }
    },
    { port: 0, host: "127.0.0.1", name: "The lying server" },
  );
  return Object.assign(lying, {
    url: `http://127.0.0.1:${port}/mcp`,
    close: () => closeServer(server),
  });
}
