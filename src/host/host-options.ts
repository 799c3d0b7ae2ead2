import { OptimizerError } from "../base/errors.ts";
import type { ContextBackend } from "../context/context-backend.ts";
import type { Flags } from "../engine/flags.ts";
import type { IntentDefinition } from "../engine/intent.ts";
import type { BudgetOptions } from "../engine/token-budgets.ts";
import type { ServerOptions } from "../mcp/server-options.ts";
import type { Limits } from "../sandbox/limits.ts";
import type { AuditTrail } from "../telemetry/audit/audit-trail.ts";
import type { TelemetryOptions } from "../telemetry/telemetry.ts";
import type { CacheOptions } from "../tools/cache-options.ts";
import type { PolicyOptions } from "../tools/policy.ts";
import type { AdmissionLimits } from "./admission.ts";
import type { ListenOptions } from "./http/listen.ts";
import type { RelayMode } from "./http/relay.ts";
import type { HostSandbox, Strength } from "./sandbox/host-sandbox.ts";
import type { TokenGrant } from "./tokens.ts";

/** One MCP server of a host. */
export interface HostServerOptions extends Omit<ServerOptions, "url"> {
  readonly url: string;
  /** Whether programs on the host find its tools. Default true. */
  readonly tools?: boolean;
  /**
   * Lets clients reach the server itself at `/relay/<name>`: with the credentials that they send (`pass`), or with
   * `headers` of the host (`held`). Default: not relayed.
   */
  readonly relay?: RelayMode;
  /** Addresses or subnets (`10.0.0.0/8`) that its name may resolve to although they are not public. Default: none. */
  readonly privateAddresses?: readonly string[];
}

/** What a host runs programs with. */
export interface EngineHostOptions {
  /** MCP servers by name: an address, or an address with its options. */
  readonly servers?: Readonly<Record<string, string | HostServerOptions>>;
  /** Where sessions keep their context: a place of yours is left open for others. Default: `memory()`. */
  readonly context?: ContextBackend;
  readonly intents?: readonly IntentDefinition[];
  readonly policy?: PolicyOptions;
  readonly limits?: Partial<Limits>;
  readonly flags?: Partial<Flags>;
  readonly budgets?: BudgetOptions;
  readonly cache?: CacheOptions;
  /** Where metrics and spans go, beside the host's `/metrics`. */
  readonly telemetry?: TelemetryOptions;
  /** Where the runs of all tenants are audited, such as `await auditFile(path)`. Left open for others. Default: nowhere. */
  readonly audit?: AuditTrail;
  /** How long to wait for servers before the host is ready. Milliseconds, default 5,000. */
  readonly connectWaitMs?: number;
}

/** How to build a host. */
export interface HostOptions extends EngineHostOptions, ListenOptions {
  /** Where programs may run: the strongest that can be used here is. They are left open for others. */
  readonly sandboxes: readonly HostSandbox[];
  /** The weakest sandbox that may be used. Default `language`: not a bare process. */
  readonly leastStrength?: Strength;
  /** Who may use the host. Default: whoever has the token that the host makes, and gives as `token`. */
  readonly tokens?: readonly TokenGrant[];
  /** Pages that may use the host, by their exact origin. Default: none. */
  readonly origins?: readonly string[];
  /** How much the tenants may ask for. */
  readonly admission?: Partial<AdmissionLimits>;
  /** Largest body of a request. Bytes, default 1 MiB. */
  readonly maxBodyBytes?: number;
  /**
   * Whether a Prometheus finds metrics at `/metrics`. Default true; with false and without `telemetry` nothing of
   * OpenTelemetry is loaded.
   */
  readonly prometheus?: boolean;
  /** Hears of failures that no client is told of. Default: the console. */
  readonly onError?: (error: unknown) => void;
}

const DEFAULT_ADMISSION: AdmissionLimits = { requestsPerMinute: 600, maxRunsPerTenant: 8, maxRuns: 64 };
const DEFAULT_BODY_BYTES = 1024 * 1024;

/** The numbers of {@link HostOptions}, completed. Throws 400 `invalid_options`. */
export function resolveNumbers({
  admission = {},
  maxBodyBytes = DEFAULT_BODY_BYTES,
}: Pick<HostOptions, "admission" | "maxBodyBytes">): {
  readonly admission: AdmissionLimits;
  readonly maxBodyBytes: number;
} {
  const numbers = { ...DEFAULT_ADMISSION, ...admission };
  for (const [name, value] of Object.entries({ ...numbers, maxBodyBytes })) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw new OptimizerError(`${name} is ${String(value)}.`, {
      code: 400,
      kind: "invalid_options",
      hint: "Give a whole number above 0.",
    });
  }
  return { admission: numbers, maxBodyBytes };
}
