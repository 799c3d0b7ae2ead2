import { LIMITS } from "../../sandbox/limits.ts";
import type { JsonSchema } from "../../tools/tool.ts";

/** What the host takes and gives, as JSON Schema: bodies are checked by it, and the API is described by it. */

const TEXT = { type: "string" } as const;
const NUMBER = { type: "number" } as const;
const TIME = { type: "number", description: "Milliseconds since 1970." } as const;
const ANY_OBJECT = { type: "object" } as const;
const SESSION_NAME = {
  type: "string",
  minLength: 1,
  maxLength: 200,
  description: "Runs of one session share `context`. Default: `default`.",
} as const;

const MAX_TOKENS = {
  type: "integer",
  minimum: 16,
  description: "Most tokens of the value that comes back.",
} as const;

export const LIMITS_SCHEMA: JsonSchema = {
  type: "object",
  additionalProperties: false,
  properties: Object.fromEntries(
    Object.entries(LIMITS).map(([name, { initial, min, max }]) => [
      name,
      { type: "number", minimum: min, maximum: max, default: initial },
    ]),
  ),
};

const DETACH = {
  type: "boolean",
  default: false,
  description: "The run goes on without its caller: GET /v1/runs/{id} tells what became of it.",
} as const;

export const RUN_REQUEST: JsonSchema = {
  type: "object",
  required: ["code"],
  additionalProperties: false,
  properties: {
    code: { ...TEXT, description: "The program's text. What it returns comes back." },
    language: { enum: ["typescript", "javascript", "python"], default: "typescript" },
    inputs: { description: "What the program finds as `inputs`: any JSON." },
    session: SESSION_NAME,
    sandbox: { ...TEXT, description: "Name of the sandbox. Default: the first that runs the language." },
    limits: LIMITS_SCHEMA,
    maxTokens: MAX_TOKENS,
    tools: { type: "array", items: TEXT, description: "Refs of the only tools that the program may call." },
    durable: { type: "boolean", default: false },
    detach: DETACH,
  },
};

export const RESUME_REQUEST: JsonSchema = {
  type: "object",
  required: ["decisions"],
  additionalProperties: false,
  properties: {
    decisions: {
      type: "object",
      description: "One for each of the run's approvals, by its id.",
      additionalProperties: {
        type: "object",
        required: ["allow"],
        additionalProperties: false,
        properties: {
          allow: { type: "boolean" },
          remember: {
            type: "boolean",
            default: false,
            description: "Later calls of the tool need no word while its definition stays the same.",
          },
          message: { ...TEXT, description: "Why not: the program is told." },
        },
      },
    },
    detach: DETACH,
  },
};

export const INTENT_REQUEST: JsonSchema = {
  type: "object",
  additionalProperties: false,
  properties: {
    id: { type: ["string", "number"] },
    params: ANY_OBJECT,
    session: SESSION_NAME,
    maxTokens: MAX_TOKENS,
  },
};

export const SESSION_REQUEST: JsonSchema = {
  type: "object",
  additionalProperties: false,
  properties: {
    ttlMs: { type: "number", exclusiveMinimum: 0, description: "It ends so long after its last use." },
    keepGlobals: { type: "boolean", default: false },
    metadata: ANY_OBJECT,
  },
};

const ERROR: JsonSchema = {
  type: "object",
  required: ["code", "kind", "message", "retryable"],
  properties: {
    code: { enum: [400, 403, 408, 429, 500], description: "Class of the failure." },
    kind: { ...TEXT, description: "Stable name of the exact failure." },
    message: TEXT,
    retryable: { type: "boolean" },
    hint: TEXT,
  },
};

const RUN_RESULT: JsonSchema = {
  type: "object",
  required: ["status", "runId", "session", "logs", "toolCalls", "usage"],
  properties: {
    status: { enum: ["returned", "threw", "stopped", "suspended"] },
    runId: TEXT,
    session: TEXT,
    value: { description: "What the program returned, cut to the budget." },
    truncated: ANY_OBJECT,
    error: ANY_OBJECT,
    reason: TEXT,
    code: NUMBER,
    message: TEXT,
    hint: TEXT,
    approvals: { type: "array", items: ANY_OBJECT },
    resume: TEXT,
    logs: { type: "array", items: ANY_OBJECT },
    toolCalls: { type: "array", items: ANY_OBJECT },
    usage: ANY_OBJECT,
  },
};

const RUN_EVENT: JsonSchema = {
  type: "object",
  required: ["seq", "type"],
  properties: {
    seq: { type: "integer", minimum: 1 },
    type: {
      enum: ["started", "log", "tool_call", "tool_result", "progress", "approval", "result", "error"],
    },
  },
};

const SESSION: JsonSchema = {
  type: "object",
  required: ["id", "createdAt", "keepGlobals", "metadata"],
  properties: {
    id: TEXT,
    createdAt: TIME,
    ttlMs: NUMBER,
    expiresAt: TIME,
    keepGlobals: { type: "boolean" },
    metadata: ANY_OBJECT,
  },
};

/** What answers have, by the name that the description gives them. */
export const COMPONENTS = {
  RunRequest: RUN_REQUEST,
  ResumeRequest: RESUME_REQUEST,
  IntentRequest: INTENT_REQUEST,
  SessionRequest: SESSION_REQUEST,
  Error: { type: "object", required: ["error"], properties: { error: ERROR } },
  RunResult: RUN_RESULT,
  RunEvent: RUN_EVENT,
  Run: {
    type: "object",
    required: ["runId", "session", "state", "startedAt", "events"],
    properties: {
      runId: TEXT,
      session: TEXT,
      state: { enum: ["running", "ended"] },
      startedAt: TIME,
      events: { type: "array", items: RUN_EVENT, description: "The last ones; the end is always there." },
    },
  },
  Session: SESSION,
  Sessions: {
    type: "object",
    required: ["sessions"],
    properties: { sessions: { type: "array", items: SESSION } },
  },
  ArchivedSession: {
    type: "object",
    required: ["id", "end", "endedAt"],
    properties: { id: TEXT, end: { enum: ["closed", "expired"] }, endedAt: TIME },
  },
  Health: {
    type: "object",
    required: ["status"],
    properties: {
      status: { enum: ["ok", "draining"] },
      version: TEXT,
      sandboxes: { type: "array", items: TEXT },
    },
  },
  JsonRpcResponse: {
    type: "object",
    required: ["jsonrpc", "id"],
    properties: {
      jsonrpc: { const: "2.0" },
      id: { type: ["string", "number", "null"] },
      result: ANY_OBJECT,
      error: {
        type: "object",
        required: ["code", "message", "data"],
        properties: { code: NUMBER, message: TEXT, data: ANY_OBJECT },
      },
    },
  },
  AnyObject: ANY_OBJECT,
} as const satisfies Readonly<Record<string, JsonSchema>>;
