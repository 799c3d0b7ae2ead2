import { open, writeFile } from "node:fs/promises";
import { OptimizerError } from "../base/errors.ts";
import type { TelemetryExporter } from "../telemetry/exporter.ts";
import type { TelemetryOptions } from "../telemetry/telemetry.ts";
import { withoutUndefined } from "./settings.ts";
import { STANDARD_OUTPUT, type TelemetryConfig } from "./telemetry-config.ts";

/** The exporters of a configuration, each loaded where it is named. Rejects with 400 for a file that can't be written. */
export async function openExporters({
  otlp,
  jsonLines,
  cloudWatchEmf,
  dogstatsd,
  captureContent,
  propagate,
  serviceName,
}: TelemetryConfig): Promise<TelemetryOptions> {
  const exporters: TelemetryExporter[] = [];
  if (otlp !== undefined) {
    const exporter = await import("../telemetry/exporters/otlp.ts");
    exporters.push(exporter.otlp(otlp));
  }
  if (jsonLines !== undefined) {
    const exporter = await import("../telemetry/exporters/json-lines.ts");
    const write = await openLines(jsonLines.file, "telemetry.jsonLines.file");
    exporters.push(exporter.jsonLines({ ...jsonLines, write }));
  }
  if (cloudWatchEmf !== undefined) {
    const exporter = await import("../telemetry/exporters/cloudwatch-emf.ts");
    const write = await openLines(cloudWatchEmf.file, "telemetry.cloudWatchEmf.file");
    exporters.push(exporter.cloudWatchEmf({ ...cloudWatchEmf, write }));
  }
  if (dogstatsd !== undefined) {
    const exporter = await import("../host/telemetry/dogstatsd.ts");
    exporters.push(exporter.dogstatsd(dogstatsd));
  }
  return { exporters, ...withoutUndefined({ captureContent, propagate, serviceName }) };
}

/** Writes lines to a file of this user alone. It is opened for each, so that it may be moved away at any time. */
async function openLines(file: string, place: string): Promise<(line: string) => Promise<void>> {
  if (file === STANDARD_OUTPUT) return writeOut;
  const options = { flag: "a", mode: 0o600 };
  try {
    await (await open(file, options.flag, options.mode)).close();
  } catch (cause) {
    throw new OptimizerError(`${place}: ${file} can't be written.`, {
      code: 400,
      kind: "invalid_config",
      hint: "Name a file in a folder that this user may write to, or - for standard output.",
      cause,
    });
  }
  return (line) => writeFile(file, `${line}\n`, options);
}

function writeOut(line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${line}\n`, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

/** One place that telemetry goes to. It names no credential. */
export interface TelemetryPlace {
  readonly exporter: Exclude<keyof TelemetryConfig, keyof TelemetryOptions>;
  readonly to: string;
}

export function telemetryPlaces({
  prometheus = true,
  otlp,
  jsonLines,
  cloudWatchEmf,
  dogstatsd,
}: TelemetryConfig = {}): readonly TelemetryPlace[] {
  const places: TelemetryPlace[] = [];
  if (prometheus) places.push({ exporter: "prometheus", to: "/metrics" });
  if (otlp !== undefined) places.push({ exporter: "otlp", to: otlp.url });
  if (jsonLines !== undefined) places.push({ exporter: "jsonLines", to: jsonLines.file });
  if (cloudWatchEmf !== undefined) places.push({ exporter: "cloudWatchEmf", to: cloudWatchEmf.file });
  if (dogstatsd !== undefined) {
    const { host = "127.0.0.1", port = 8_125 } = dogstatsd;
    places.push({ exporter: "dogstatsd", to: `${host}:${port}` });
  }
  return places;
}

/** The places as a sentence. */
export function sayTelemetry(telemetry: TelemetryConfig | undefined): string {
  const places = telemetryPlaces(telemetry).map(({ exporter, to }) => {
    const place = to === STANDARD_OUTPUT ? "standard output" : to;
    return `${place} (${exporter})`;
  });
  if (places.length === 0) return "Telemetry goes nowhere.";
  const content = telemetry?.captureContent === true ? ", with arguments and results of tools in spans" : "";
  return `Telemetry goes to ${places.join(", ")}${content}.`;
}
