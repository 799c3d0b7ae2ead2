import type { Scope } from "../tokens.ts";
import type { COMPONENTS } from "./schemas.ts";

/** One operation of the host: what serves it, who may use it, and how it is described. */
export interface Route {
  readonly operation: string;
  readonly method: "get" | "post" | "delete";
  /** As OpenAPI writes it: `/v1/runs/{id}`. */
  readonly path: string;
  /** What a token has to allow; `public`: no token is asked for. */
  readonly scope: Scope | "public";
  readonly summary: string;
  /** Name of the body's schema, `anything` for any JSON, `unread` where the handler reads it; absent where there is none. */
  readonly body?: keyof typeof COMPONENTS | "anything" | "unread";
  /** The answer when all went well. */
  readonly answer: {
    readonly status: 200 | 201;
    readonly description: string;
    /** Name of its schema by media type. */
    readonly content: Readonly<Record<string, keyof typeof COMPONENTS | "text">>;
  };
}

const EVENTS = { "application/x-ndjson": "RunEvent", "text/event-stream": "RunEvent" } as const;

/** Every route of the host: the server serves this table, and the description is made of it. */
export const ROUTES = [
  {
    operation: "describeHost",
    method: "get",
    path: "/",
    scope: "public",
    summary: "Says what this is.",
    answer: { status: 200, description: "A few lines.", content: { "text/plain": "text" } },
  },
  {
    operation: "getHealth",
    method: "get",
    path: "/healthz",
    scope: "public",
    summary: "Whether the process lives.",
    answer: { status: 200, description: "It lives.", content: { "application/json": "Health" } },
  },
  {
    operation: "getReadiness",
    method: "get",
    path: "/readyz",
    scope: "public",
    summary: "Whether new requests are taken.",
    answer: { status: 200, description: "They are.", content: { "application/json": "Health" } },
  },
  {
    operation: "getOpenApi",
    method: "get",
    path: "/openapi.json",
    scope: "public",
    summary: "This description.",
    answer: { status: 200, description: "OpenAPI 3.1.", content: { "application/json": "AnyObject" } },
  },
  {
    operation: "getMetrics",
    method: "get",
    path: "/metrics",
    scope: "metrics",
    summary: "What the host counts, for Prometheus.",
    answer: { status: 200, description: "Prometheus' text format.", content: { "text/plain": "text" } },
  },
  {
    operation: "startRun",
    method: "post",
    path: "/v1/runs",
    scope: "run",
    summary:
      "Runs a program. Its events come as they happen, as NDJSON or, where Accept says so, as server-sent events; with Accept: application/json the result comes alone. A caller who goes away ends the run.",
    body: "RunRequest",
    answer: {
      status: 200,
      description: "The run; what its program threw is a result too.",
      content: { ...EVENTS, "application/json": "AnyObject" },
    },
  },
  {
    operation: "getRun",
    method: "get",
    path: "/v1/runs/{id}",
    scope: "run",
    summary:
      "A run and its events so far; as NDJSON or server-sent events it goes on until the run has ended.",
    answer: { status: 200, description: "The run.", content: { ...EVENTS, "application/json": "Run" } },
  },
  {
    operation: "cancelRun",
    method: "delete",
    path: "/v1/runs/{id}",
    scope: "run",
    summary: "Ends a run, and waits until it has.",
    answer: { status: 200, description: "The run as it ended.", content: { "application/json": "Run" } },
  },
  {
    operation: "resumeRun",
    method: "post",
    path: "/v1/runs/{token}/resume",
    scope: "approve",
    summary:
      "Goes on with a run that is suspended, by the token of its result, once each of its approvals is decided. The answer is that of startRun.",
    body: "ResumeRequest",
    answer: {
      status: 200,
      description: "The run; it may be suspended again.",
      content: { ...EVENTS, "application/json": "AnyObject" },
    },
  },
  {
    operation: "createSession",
    method: "post",
    path: "/v1/sessions",
    scope: "sessions",
    summary: "Creates a session.",
    body: "SessionRequest",
    answer: { status: 201, description: "The session.", content: { "application/json": "Session" } },
  },
  {
    operation: "listSessions",
    method: "get",
    path: "/v1/sessions",
    scope: "sessions",
    summary: "The sessions that were created and have not ended.",
    answer: { status: 200, description: "The sessions.", content: { "application/json": "Sessions" } },
  },
  {
    operation: "getSession",
    method: "get",
    path: "/v1/sessions/{id}",
    scope: "sessions",
    summary: "One session.",
    answer: { status: 200, description: "The session.", content: { "application/json": "Session" } },
  },
  {
    operation: "closeSession",
    method: "delete",
    path: "/v1/sessions/{id}",
    scope: "sessions",
    summary: "Ends a session: all that it keeps is deleted, its log is archived.",
    answer: {
      status: 200,
      description: "What is left of it.",
      content: { "application/json": "ArchivedSession" },
    },
  },
  {
    operation: "executeIntent",
    method: "post",
    path: "/v1/intents/{name}",
    scope: "intents",
    summary: "Carries out an intent, or a tool as <server>.<tool>.",
    body: "IntentRequest",
    answer: {
      status: 200,
      description: "A JSON-RPC 2.0 response; its error, too, comes with status 200.",
      content: { "application/json": "JsonRpcResponse" },
    },
  },
  ...(["get", "post", "delete"] as const).map(
    (method) =>
      ({
        operation: `${method}Mcp`,
        method,
        path: "/mcp",
        scope: "mcp",
        summary: "An MCP server over Streamable HTTP, with the tools run_code and search_tools.",
        ...(method === "post" ? ({ body: "anything" } as const) : {}),
        answer: {
          status: 200,
          description: "As MCP has it.",
          content: { "application/json": "AnyObject", "text/event-stream": "AnyObject" },
        },
      }) as const,
  ),
  ...(["get", "post", "delete"] as const).map(
    (method) =>
      ({
        operation: `${method}Relay`,
        method,
        path: "/relay/{server}",
        scope: "relay",
        summary: "Passes a request on to a configured MCP server, and its answer back.",
        ...(method === "post" ? ({ body: "unread" } as const) : {}),
        answer: {
          status: 200,
          description: "As the server answers.",
          content: { "application/json": "AnyObject", "text/event-stream": "AnyObject" },
        },
      }) as const,
  ),
] as const satisfies readonly Route[];

export type Operation = (typeof ROUTES)[number]["operation"];
