import { LIMITS_SCHEMA } from "../host/http/schemas.ts";
import { STRENGTHS } from "../host/sandbox/host-sandbox.ts";
import { SCOPES } from "../host/tokens.ts";
import type { JsonSchema } from "../tools/tool.ts";

/** The configuration file, as JSON Schema: the command line checks it by this, and editors do by the published copy. */

const TEXT = { type: "string" } as const;
const TEXTS = { type: "array", items: TEXT } as const;
const COUNT = { type: "integer", minimum: 1 } as const;
const MS = { type: "number", minimum: 0, description: "Milliseconds." } as const;
const SWITCH = { type: "boolean" } as const;

function object(
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[] = [],
): JsonSchema {
  return { type: "object", additionalProperties: false, properties, required };
}

function mapOf(value: JsonSchema, description: string): JsonSchema {
  return { type: "object", additionalProperties: value, description };
}

const SERVER = object(
  {
    url: { ...TEXT, description: "The MCP endpoint." },
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what stands in the file.
    headers: mapOf(TEXT, "Sent with every request; ${NAME} stands for a variable of the environment."),
    transport: { enum: ["auto", "http", "sse"], default: "auto" },
    tools: { ...SWITCH, default: true, description: "Whether programs find its tools." },
    relay: {
      enum: ["pass", "held"],
      description: "Reachable at /relay/<name>, with the client's credentials or with `headers`.",
    },
    privateAddresses: {
      ...TEXTS,
      description: "Addresses or subnets that its name may resolve to although they are not public.",
    },
    connectTimeoutMs: MS,
    callTimeoutMs: MS,
    maxResponseBytes: COUNT,
    maxTools: COUNT,
  },
  ["url"],
);

const INTENT = object(
  {
    name: TEXT,
    description: TEXT,
    params: { type: "object" },
    complexity: { enum: ["simple", "complex"] },
    tool: { ...TEXT, description: "Ref of the tool that does the same." },
    program: object({ language: { enum: ["typescript", "javascript", "python"] }, code: TEXT }, ["code"]),
  },
  ["name", "description"],
);

const SIGNALS = {
  type: "array",
  items: { enum: ["metrics", "traces"] },
  minItems: 1,
  default: ["metrics", "traces"],
} as const;

const INTERVAL = { ...COUNT, description: "From one batch of metrics to the next. Milliseconds." } as const;
const DELAY = {
  ...COUNT,
  default: 2_000,
  description: "Spans wait this long for company. Milliseconds.",
} as const;
const LINES = { type: "string", minLength: 1, description: "- is standard output." } as const;

const TELEMETRY: JsonSchema = {
  ...object({
    prometheus: { ...SWITCH, default: true, description: "Whether the host has /metrics." },
    otlp: {
      ...object(
        {
          url: { ...TEXT, description: "Base address of a collector; /v1/metrics and /v1/traces are added." },
          // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what stands in the file.
          headers: mapOf(TEXT, "Sent to it; ${NAME} stands for a variable of the environment."),
          signals: SIGNALS,
          intervalMs: { ...INTERVAL, default: 15_000 },
          delayMs: DELAY,
        },
        ["url"],
      ),
      description: "Metrics and spans to an OpenTelemetry collector, by OTLP over HTTP in protobuf.",
    },
    jsonLines: {
      ...object(
        { file: LINES, signals: SIGNALS, intervalMs: { ...INTERVAL, default: 15_000 }, delayMs: DELAY },
        ["file"],
      ),
      description: "Metrics and spans as lines of JSON.",
    },
    cloudWatchEmf: {
      ...object(
        {
          file: LINES,
          namespace: { ...TEXT, default: "mcp-optimizer" },
          intervalMs: { ...INTERVAL, default: 60_000 },
        },
        ["file"],
      ),
      description: "Metrics in CloudWatch's embedded metric format.",
    },
    dogstatsd: {
      ...object({
        host: { type: "string", minLength: 1, default: "127.0.0.1" },
        port: { type: "integer", minimum: 1, maximum: 65_535, default: 8_125 },
        intervalMs: { ...INTERVAL, default: 10_000 },
      }),
      description: "Metrics to Datadog's agent, by DogStatsD over UDP.",
    },
    captureContent: {
      ...SWITCH,
      default: false,
      description: "Arguments and results of tools in spans, cut, and without what looks like a credential.",
    },
    propagate: {
      ...SWITCH,
      default: true,
      description: "Sends MCP servers the trace context of their calls.",
    },
    serviceName: { ...TEXT, default: "mcp-optimizer", description: "Name of this host in what is sent." },
  }),
  description: "Where `serve` sends metrics and spans.",
};

export const CONFIG_SCHEMA: JsonSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "mcp-optimizer.config.json",
  ...object({
    $schema: TEXT,
    servers: mapOf(
      { anyOf: [TEXT, SERVER] },
      "MCP servers by name: an address, or an address with its options.",
    ),
    host: { ...TEXT, default: "127.0.0.1", description: "Address to bind to." },
    port: { type: "integer", minimum: 0, maximum: 65_535, default: 4780 },
    public: { ...SWITCH, default: false, description: "Other machines may reach the host." },
    hostnames: { ...TEXTS, description: "Further names of the host, exactly as clients send them." },
    origins: { ...TEXTS, description: "Pages that may use the host." },
    tls: object({ certFile: TEXT, keyFile: TEXT }, ["certFile", "keyFile"]),
    tokens: {
      type: "array",
      items: object(
        {
          sha256: { type: "string", pattern: "^[0-9a-f]{64}$" },
          tenant: TEXT,
          scopes: { type: "array", items: { enum: SCOPES } },
        },
        ["sha256"],
      ),
      description: "In place of those that `mcp-optimizer token` made.",
    },
    sandboxes: { ...TEXTS, description: "Names of the only sandboxes that may be used." },
    leastStrength: { enum: STRENGTHS, default: "language" },
    policy: object({
      grants: mapOf({ enum: ["allow", "ask", "deny"] }, "By ref, <server>.* or *."),
      unannotated: { enum: ["allow", "ask", "deny"] },
      labels: mapOf(
        object({ source: { enum: ["private", "untrusted"] }, sink: SWITCH }),
        "By ref, <server>.* or *.",
      ),
    }),
    limits: LIMITS_SCHEMA,
    flags: object({
      executionMode: { enum: ["mcp_only", "hybrid", "code_execution"] },
      enableSandbox: SWITCH,
      enableCaching: SWITCH,
      enableMetrics: SWITCH,
      maxTokensPerRequest: { type: "integer", minimum: 16 },
    }),
    budgets: object({ sessionTokens: COUNT, tenantTokens: COUNT, windowMs: MS }),
    cache: object({
      ttlMs: MS,
      tools: mapOf(object({ ttlMs: MS }, ["ttlMs"]), "By ref."),
      maxEntries: { type: "integer", minimum: 0 },
      maxBytes: { type: "integer", minimum: 0 },
    }),
    admission: object({ requestsPerMinute: COUNT, maxRunsPerTenant: COUNT, maxRuns: COUNT }),
    intents: { type: "array", items: INTENT },
    redis: {
      ...object(
        {
          url: { ...TEXT, description: "redis://host:port or, by TLS, rediss://host:port." },
          username: TEXT,
          password: TEXT,
          prefix: {
            type: "string",
            pattern: "^[^{}]{1,100}$",
            default: "mcp-optimizer",
            description: "Hosts that name the same one share its sessions.",
          },
        },
        ["url"],
      ),
      description:
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what stands in the file.
        "Where `serve` keeps sessions; ${NAME} in `url`, `username` and `password` stands for a variable of the environment.",
    },
    audit: object({ file: TEXT, maxBytes: COUNT }, ["file"]),
    telemetry: TELEMETRY,
    maxBodyBytes: COUNT,
    connectWaitMs: MS,
    drainMs: MS,
  }),
};
