import { OptimizerError } from "../base/errors.ts";
import { STRENGTHS, type Strength } from "../host/sandbox/host-sandbox.ts";

/** What can be said by a flag or a variable of the environment, over the file's word. */
export interface Settings {
  readonly host?: string;
  readonly port?: number;
  readonly public?: boolean;
  readonly hostnames?: readonly string[];
  readonly origins?: readonly string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly sandboxes?: readonly string[];
  readonly leastStrength?: Strength;
  readonly drainMs?: number;
  readonly otlpUrl?: string;
  readonly serviceName?: string;
  readonly jsonLinesFile?: string;
  readonly cloudWatchEmfFile?: string;
  readonly dogstatsdHost?: string;
  readonly dogstatsdPort?: number;
}

/** One of them: the same table makes the flags, reads the environment and writes the help. */
export interface SettingRule {
  readonly flag: string;
  readonly env: string;
  readonly kind: "text" | "number" | "switch" | "list";
  readonly help: string;
}

export const SETTINGS: Readonly<Record<keyof Settings, SettingRule>> = {
  host: { flag: "host", env: "MCP_OPTIMIZER_HOST", kind: "text", help: "address to bind to [127.0.0.1]" },
  port: { flag: "port", env: "MCP_OPTIMIZER_PORT", kind: "number", help: "port, 0 for a free one [4780]" },
  public: {
    flag: "public",
    env: "MCP_OPTIMIZER_PUBLIC",
    kind: "switch",
    help: "other machines may reach the host",
  },
  hostnames: {
    flag: "hostname",
    env: "MCP_OPTIMIZER_HOSTNAMES",
    kind: "list",
    help: "further name of the host, as clients send it",
  },
  origins: {
    flag: "origin",
    env: "MCP_OPTIMIZER_ORIGINS",
    kind: "list",
    help: "page that may use the host: https://app.example.com",
  },
  tlsCert: {
    flag: "tls-cert",
    env: "MCP_OPTIMIZER_TLS_CERT",
    kind: "text",
    help: "file of the certificate, PEM",
  },
  tlsKey: { flag: "tls-key", env: "MCP_OPTIMIZER_TLS_KEY", kind: "text", help: "file of its key, PEM" },
  sandboxes: {
    flag: "sandbox",
    env: "MCP_OPTIMIZER_SANDBOXES",
    kind: "list",
    help: "name of a sandbox that may be used",
  },
  leastStrength: {
    flag: "least-strength",
    env: "MCP_OPTIMIZER_LEAST_STRENGTH",
    kind: "text",
    help: `weakest sandbox that may be used: ${STRENGTHS.join(", ")} [language]`,
  },
  drainMs: {
    flag: "drain-ms",
    env: "MCP_OPTIMIZER_DRAIN_MS",
    kind: "number",
    help: "how long runs may go on after SIGTERM [10000]",
  },
  // The names of OpenTelemetry's specification, which other programs go by too.
  otlpUrl: {
    flag: "otlp-url",
    env: "OTEL_EXPORTER_OTLP_ENDPOINT",
    kind: "text",
    help: "collector that gets metrics and spans; its headers by OTEL_EXPORTER_OTLP_HEADERS",
  },
  serviceName: {
    flag: "service-name",
    env: "OTEL_SERVICE_NAME",
    kind: "text",
    help: "name of this host in telemetry [mcp-optimizer]",
  },
  jsonLinesFile: {
    flag: "json-lines",
    env: "MCP_OPTIMIZER_JSON_LINES",
    kind: "text",
    help: "file that gets metrics and spans as lines of JSON, - for standard output",
  },
  cloudWatchEmfFile: {
    flag: "cloudwatch-emf",
    env: "MCP_OPTIMIZER_CLOUDWATCH_EMF",
    kind: "text",
    help: "file that gets metrics in CloudWatch's format, - for standard output",
  },
  dogstatsdHost: {
    flag: "dogstatsd-host",
    env: "MCP_OPTIMIZER_DOGSTATSD_HOST",
    kind: "text",
    help: "Datadog agent that gets metrics",
  },
  dogstatsdPort: {
    flag: "dogstatsd-port",
    env: "MCP_OPTIMIZER_DOGSTATSD_PORT",
    kind: "number",
    help: "its port [8125]",
  },
};

/** What `parseArgs` gives for one flag. */
export type FlagValue = string | boolean | readonly (string | boolean)[] | undefined;

/** Reads the settings that were given. Throws 400 `invalid_options`, which names the one that makes no sense. */
export function readSettings(
  flags: ReadonlyMap<string, FlagValue>,
  env: Readonly<Record<string, string | undefined>>,
): Settings {
  const find = (name: keyof Settings): { readonly given: FlagValue; readonly place: string } => {
    const rule = SETTINGS[name];
    const flag = flags.get(rule.flag);
    if (flag !== undefined) return { given: flag, place: `--${rule.flag}` };
    const variable = env[rule.env];
    return { given: variable === "" ? undefined : variable, place: rule.env };
  };
  const text = (name: keyof Settings): string | undefined => {
    const { given } = find(name);
    return given === undefined ? undefined : String(given);
  };
  const number = (name: keyof Settings): number | undefined => {
    const { given, place } = find(name);
    if (given === undefined) return undefined;
    if (/^\d{1,10}$/.test(String(given))) return Number(given);
    throw invalid(place, `${String(given)} is no whole number`);
  };
  const list = (name: keyof Settings): readonly string[] | undefined => {
    const { given } = find(name);
    // A variable of the environment parts them by commas.
    if (typeof given === "string") return given.split(",").map((part) => part.trim());
    return Array.isArray(given) ? given.map(String) : undefined;
  };
  const toggle = (name: keyof Settings): boolean | undefined => {
    const { given, place } = find(name);
    if (given === undefined || typeof given === "boolean") return given;
    if (given === "1" || given === "true") return true;
    if (given === "0" || given === "false") return false;
    throw invalid(place, "write 1 or 0");
  };
  const strength = (): Strength | undefined => {
    const { given, place } = find("leastStrength");
    const known = STRENGTHS.find((one) => one === given);
    if (known !== undefined || given === undefined) return known;
    throw invalid(place, `choose of: ${STRENGTHS.join(", ")}`);
  };
  return withoutUndefined({
    host: text("host"),
    port: number("port"),
    public: toggle("public"),
    hostnames: list("hostnames"),
    origins: list("origins"),
    tlsCert: text("tlsCert"),
    tlsKey: text("tlsKey"),
    sandboxes: list("sandboxes"),
    leastStrength: strength(),
    drainMs: number("drainMs"),
    otlpUrl: text("otlpUrl"),
    serviceName: text("serviceName"),
    jsonLinesFile: text("jsonLinesFile"),
    cloudWatchEmfFile: text("cloudWatchEmfFile"),
    dogstatsdHost: text("dogstatsdHost"),
    dogstatsdPort: number("dogstatsdPort"),
  });
}

type Present<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** The same object without the members that nobody gave. */
export function withoutUndefined<T extends object>(object: T): Present<T> {
  const present: Partial<T> = { ...object };
  for (const key of Object.keys(object) as (keyof T)[]) if (present[key] === undefined) delete present[key];
  return present as Present<T>;
}

function invalid(place: string, message: string): OptimizerError {
  return new OptimizerError(`${place}: ${message}.`, { code: 400, kind: "invalid_options" });
}
