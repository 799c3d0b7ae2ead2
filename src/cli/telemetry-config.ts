import path from "node:path";
import { OptimizerError } from "../base/errors.ts";
import type { DogStatsdOptions } from "../host/telemetry/dogstatsd.ts";
import type { CloudWatchEmfOptions } from "../telemetry/exporters/cloudwatch-emf.ts";
import type { JsonLinesOptions } from "../telemetry/exporters/json-lines.ts";
import type { OtlpOptions } from "../telemetry/exporters/otlp.ts";
import type { TelemetryOptions } from "../telemetry/telemetry.ts";
import type { Config } from "./config.ts";
import { expandText } from "./expand-text.ts";
import { readHeaderList, requireCollector, requireHeaders } from "./otlp-access.ts";
import { SETTINGS, type Settings, withoutUndefined } from "./settings.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Where `serve` sends metrics and spans: an exporter for each name that is there. */
export interface TelemetryConfig extends Omit<TelemetryOptions, "exporters"> {
  /** Whether `/metrics` is there. Default true. */
  readonly prometheus?: boolean;
  readonly otlp?: OtlpOptions;
  readonly jsonLines?: InFile<JsonLinesOptions>;
  readonly cloudWatchEmf?: InFile<CloudWatchEmfOptions>;
  readonly dogstatsd?: DogStatsdOptions;
}

/** Of an exporter that writes lines: to a file, or to standard output. */
type InFile<Options> = Omit<Options, "write"> & { readonly file: string };

/** In place of a file. */
export const STANDARD_OUTPUT = "-";

/** Settings that say where telemetry goes. */
export type TelemetrySettings = Pick<
  Settings,
  "otlpUrl" | "serviceName" | "jsonLinesFile" | "cloudWatchEmfFile" | "dogstatsdHost" | "dogstatsdPort"
>;

/**
 * Joins what the file says and what was set; `undefined` for nothing. Only who sends telemetry asks: variables of
 * OpenTelemetry may be meant for other programs. Throws 400, which names what makes no sense.
 */
export function resolveTelemetry(
  {
    file: configFile = "",
    telemetry: own = {},
    otlpUrl,
    serviceName = own.serviceName,
    jsonLinesFile,
    cloudWatchEmfFile,
    dogstatsdHost: host,
    dogstatsdPort: port,
  }: Pick<Config, "file" | "telemetry" | keyof TelemetrySettings>,
  env: Environment,
): TelemetryConfig | undefined {
  const folder = path.dirname(configFile);
  const agent = { ...own.dogstatsd, ...withoutUndefined({ host, port }) };
  const telemetry = withoutUndefined({
    ...own,
    serviceName,
    otlp: resolveOtlp(own.otlp, otlpUrl, env),
    jsonLines: resolveLines(own.jsonLines, jsonLinesFile, folder),
    cloudWatchEmf: resolveLines(own.cloudWatchEmf, cloudWatchEmfFile, folder),
    dogstatsd: own.dogstatsd === undefined && Object.keys(agent).length === 0 ? undefined : agent,
  });
  return Object.keys(telemetry).length === 0 ? undefined : telemetry;
}

/** A file of the configuration lies beside it, one that was set in the folder of the command. */
function resolveLines<Options extends { readonly file: string }>(
  own: Options | undefined,
  set: string | undefined,
  folder: string,
): Options | { readonly file: string } | undefined {
  if (set !== undefined) return { ...own, file: resolveFile("", set) };
  return own === undefined ? undefined : { ...own, file: resolveFile(folder, own.file) };
}

function resolveFile(folder: string, file: string): string {
  return file === STANDARD_OUTPUT ? file : path.resolve(folder, file);
}

const HEADERS = "OTEL_EXPORTER_OTLP_HEADERS";

/** The file's headers go to the file's address alone: another one comes with headers of the environment. */
function resolveOtlp(
  own: OtlpOptions | undefined,
  set: string | undefined,
  env: Environment,
): OtlpOptions | undefined {
  if (set === undefined && own === undefined) return undefined;
  const headers = readHeaderList(env[HEADERS] ?? "", HEADERS);
  if (set !== undefined) {
    const { flag, env: variable } = SETTINGS.otlpUrl;
    if (set === env[variable]) requireProtobuf(env);
    return { ...own, url: requireCollector(set, `--${flag} (${variable})`), headers };
  }
  if (own === undefined) return undefined;
  const place = "telemetry.otlp.headers";
  const expanded = Object.entries(own.headers ?? {}).map(
    ([name, value]) => [name, expandText(value, env, place)] as const,
  );
  return {
    ...own,
    url: requireCollector(own.url, "telemetry.otlp.url"),
    headers: { ...requireHeaders(Object.fromEntries(expanded), place), ...headers },
  };
}

/** A collector that is spoken to in another form drops everything, and nobody would hear of it. */
function requireProtobuf(env: Environment): void {
  const protocol = env["OTEL_EXPORTER_OTLP_PROTOCOL"] ?? "";
  if (protocol === "" || protocol === "http/protobuf") return;
  throw new OptimizerError("OTEL_EXPORTER_OTLP_PROTOCOL names what is not spoken here.", {
    code: 400,
    kind: "invalid_config",
    hint: `Set it to http/protobuf, and ${SETTINGS.otlpUrl.env} to where your collector takes that, often port 4318.`,
  });
}
