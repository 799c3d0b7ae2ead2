// The configuration file crosses here. Its author is trusted; its text may still be anything.

import { readFile } from "node:fs/promises";
import path from "node:path";
import { messageOf, OptimizerError } from "../base/errors.ts";
import { parseJson } from "../base/json.ts";
import type { AuditFileOptions } from "../host/audit/audit-file.ts";
import type { RedisOptions } from "../host/context/redis.ts";
import type { EngineHostOptions, HostOptions, HostServerOptions } from "../host/host-options.ts";
import { createSchemaParser } from "../host/http/json-body.ts";
import type { TokenGrant } from "../host/tokens.ts";
import { CONFIG_SCHEMA } from "./config-schema.ts";
import { expandText } from "./expand-text.ts";
import { type FlagValue, readSettings, type Settings, withoutUndefined } from "./settings.ts";
import type { TelemetryConfig, TelemetrySettings } from "./telemetry-config.ts";

/** The file's content, as {@link CONFIG_SCHEMA} has it. */
interface ConfigFile
  extends Omit<EngineHostOptions, "context" | "telemetry" | "audit">,
    Pick<
      Settings,
      "host" | "port" | "public" | "hostnames" | "origins" | "sandboxes" | "leastStrength" | "drainMs"
    >,
    Pick<HostOptions, "admission" | "maxBodyBytes"> {
  readonly $schema?: string;
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  readonly tokens?: readonly TokenGrant[];
  /** Where `serve` keeps sessions. */
  readonly redis?: Pick<RedisOptions, "username" | "password" | "prefix"> & { readonly url: string };
  /** Where `serve` audits. */
  readonly audit?: { readonly file: string } & AuditFileOptions;
  /** As the file has it: `resolveTelemetry` completes it. */
  readonly telemetry?: TelemetryConfig;
}

/** What the command line works with: flags over environment over file. */
export interface Config extends Omit<ConfigFile, "$schema">, TelemetrySettings {
  /** The file that was read, if there was one. */
  readonly file: string | undefined;
}

export const CONFIG_FILE = "mcp-optimizer.config.json";

export interface ConfigInput {
  readonly flags: ReadonlyMap<string, FlagValue>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** Rejects with 400 for a file or a setting that makes no sense, and says which and where. */
export async function loadConfig({ flags, env, cwd }: ConfigInput): Promise<Config> {
  const flag = flags.get("config");
  const named = typeof flag === "string" ? flag : env["MCP_OPTIMIZER_CONFIG"];
  const file = path.resolve(cwd, named ?? CONFIG_FILE);
  const text = await readText(file, named !== undefined);
  const content = text === undefined ? {} : parseConfig(text, file);
  const { tlsCert, tlsKey, ...settings } = readSettings(flags, env);
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new OptimizerError("TLS needs a certificate and its key.", {
      code: 400,
      kind: "invalid_options",
      hint: "Give --tls-cert and --tls-key.",
    });
  }
  const tls =
    tlsCert === undefined || tlsKey === undefined
      ? resolveTls(content.tls, path.dirname(file))
      : { certFile: path.resolve(cwd, tlsCert), keyFile: path.resolve(cwd, tlsKey) };
  return {
    // Whoever names sandboxes has chosen them, however weak they are.
    ...((settings.sandboxes ?? content.sandboxes) === undefined ? {} : { leastStrength: "none" }),
    ...content,
    ...settings,
    ...(tls === undefined ? {} : { tls }),
    ...(content.audit === undefined
      ? {}
      : { audit: { ...content.audit, file: path.resolve(path.dirname(file), content.audit.file) } }),
    ...(content.redis === undefined ? {} : { redis: expandRedis(content.redis, env) }),
    ...(content.servers === undefined ? {} : { servers: expandServers(content.servers, env) }),
    file: text === undefined ? undefined : file,
  };
}

const parseContent = createSchemaParser<ConfigFile>(CONFIG_SCHEMA, "The configuration", "invalid_config");

function parseConfig(text: string, file: string): ConfigFile {
  const value = parseJson(text);
  if (value === undefined)
    throw new OptimizerError(`${file} is no JSON.`, { code: 400, kind: "invalid_config" });
  return parseContent(value);
}

/** `undefined` for a file that nobody named and that is not there. */
async function readText(file: string, isNamed: boolean): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (isMissing && !isNamed) return undefined;
    throw new OptimizerError(`The configuration can't be read: ${messageOf(error)}`, {
      code: 400,
      kind: "invalid_config",
      cause: error,
    });
  }
}

function resolveTls(tls: ConfigFile["tls"], folder: string): ConfigFile["tls"] {
  if (tls === undefined) return undefined;
  return { certFile: path.resolve(folder, tls.certFile), keyFile: path.resolve(folder, tls.keyFile) };
}

/** Secrets stay out of the file: `${NAME}` in a header is a variable of the environment. */
function expandServers(
  servers: NonNullable<ConfigFile["servers"]>,
  env: ConfigInput["env"],
): NonNullable<ConfigFile["servers"]> {
  const expand = (server: HostServerOptions): HostServerOptions =>
    withHeaders(server, (value) => expandText(value, env, "a header"));
  return Object.fromEntries(
    Object.entries(servers).map(([name, server]) => [
      name,
      typeof server === "string" ? server : expand(server),
    ]),
  );
}

/** The same for what leads to Redis. Throws 400 without naming the address, which may hold a password. */
function expandRedis(
  { prefix, ...place }: NonNullable<ConfigFile["redis"]>,
  env: ConfigInput["env"],
): NonNullable<ConfigFile["redis"]> {
  const expand = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : expandText(text, env, "redis");
  const url = expandText(place.url, env, "redis");
  if (!URL.canParse(url) || !/^rediss?:$/.test(new URL(url).protocol)) {
    throw new OptimizerError("redis.url is no address of a Redis.", {
      code: 400,
      kind: "invalid_config",
      hint: "Write redis://host:port, or rediss:// for TLS.",
    });
  }
  const { username, password } = place;
  return {
    url,
    ...withoutUndefined({ username: expand(username), password: expand(password), prefix }),
  };
}

function withHeaders(server: HostServerOptions, change: (value: string) => string): HostServerOptions {
  const { headers } = server;
  if (headers === undefined) return server;
  const changed = Object.entries(headers).map(([name, value]) => [name, change(value)] as const);
  return { ...server, headers: Object.fromEntries(changed) };
}

/** The part of a configuration that the engine works with. */
export function engineOptions(config: Config): EngineHostOptions {
  const { servers, intents, policy, limits, flags, budgets, cache, connectWaitMs } = config;
  return withoutUndefined({ servers, intents, policy, limits, flags, budgets, cache, connectWaitMs });
}
