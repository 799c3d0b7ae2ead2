import { Hono } from "hono";
import { OptimizerError } from "../../base/errors.ts";
import { type Admission, hostDrains } from "../admission.ts";
import { type Caller, readBearer, type TokenBook } from "../tokens.ts";
import { corsHeaders, preflightResponse } from "./cors.ts";
import type { Handlers } from "./host-request.ts";
import { errorResponse, HttpError } from "./http-error.ts";
import { readJsonBody } from "./json-body.ts";
import { TOKEN_HEADER } from "./relay.ts";
import { ROUTES, type Route } from "./routes.ts";

export interface AppOptions {
  readonly handlers: Handlers;
  readonly tokens: TokenBook;
  readonly admission: Admission;
  readonly maxBodyBytes: number;
  /** Hears of failures that are not the caller's. */
  readonly onError: (error: unknown) => void;
}

/** The host's routes as one function from request to response. It never rejects. */
export type App = (request: Request) => Promise<Response>;

/** Headers of every answer: none is kept, and none is taken for a page. */
const ALWAYS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
} as const;

/** Serves {@link ROUTES}. Whoever calls it has checked Host and Origin before. */
export function createApp(options: AppOptions): App {
  const { onError } = options;
  const hono = new Hono({ getPath: ({ url }) => new URL(url).pathname });
  for (const route of ROUTES) {
    hono.on(route.method.toUpperCase(), route.path.replaceAll(/\{(\w+)\}/g, ":$1"), (context) =>
      serve(route, context.req.raw, context.req.param(), options),
    );
  }
  hono.notFound(({ req }) => errorResponse(unknownRoute(req.path)));
  hono.onError((error) => {
    if (!(error instanceof OptimizerError)) onError(error);
    return errorResponse(error);
  });

  return async (request) => {
    const origin = request.headers.get("origin");
    const response =
      request.method === "OPTIONS" ? preflightResponse(request.headers) : await hono.fetch(request);
    const cors = origin === null ? {} : corsHeaders(origin);
    for (const [name, value] of Object.entries({ ...ALWAYS, ...cors })) response.headers.set(name, value);
    return response;
  };
}

async function serve(
  route: Route & { readonly operation: keyof Handlers },
  request: Request,
  params: Readonly<Record<string, string>>,
  { handlers, tokens, admission, maxBodyBytes }: AppOptions,
): Promise<Response> {
  const tenant = route.scope === "public" ? undefined : requireCaller(route, request, tokens).tenant;
  if (route.scope !== "public") admission.countRequest(tenant);
  if (route.method === "post" && admission.draining) throw hostDrains();
  const readsBody = route.body !== undefined && route.body !== "unread";
  const body = readsBody ? await readJsonBody(request, maxBodyBytes) : undefined;
  return handlers[route.operation]({ request, params, tenant, body });
}

/** Throws 401 without a token that was given out, and 403 for one that does not allow this. */
function requireCaller({ scope, path }: Route, { headers }: Request, tokens: TokenBook): Caller {
  const beside = path.startsWith("/relay/") ? headers.get(TOKEN_HEADER) : null;
  const caller = tokens.find(beside ?? readBearer(headers.get("authorization")));
  if (caller === undefined) {
    throw new HttpError("The request carries no token of this host.", {
      status: 401,
      code: 403,
      kind: "unauthorized",
      headers: { "www-authenticate": 'Bearer realm="mcp-optimizer"' },
      hint: "Send authorization: Bearer <token>; the host printed it at its first start.",
    });
  }
  if (scope === "public" || caller.scopes.has(scope)) return caller;
  throw new OptimizerError(`The token does not allow this: it lacks the scope ${scope}.`, {
    code: 403,
    kind: "missing_scope",
  });
}

function unknownRoute(path: string): OptimizerError {
  const message = "The host has no such operation.";
  // What is part of the API is a mistake of its caller; elsewhere clients look for files, such as metadata of OAuth.
  if (path.startsWith("/v1/")) return new OptimizerError(message, { code: 400, kind: "unknown_operation" });
  return new HttpError(message, { status: 404, code: 400, kind: "unknown_operation" });
}
