import type { OpenTelemetry } from "./open-telemetry.ts";
import type { TelemetryOptions } from "./telemetry.ts";

/** Loads what records; where an exporter can't be opened, what was built until then is closed again. */
export async function openRecording(
  telemetry: TelemetryOptions | undefined,
  built: readonly AsyncDisposable[],
): Promise<OpenTelemetry | undefined> {
  if (telemetry === undefined || telemetry.exporters.length === 0) return undefined;
  try {
    const { openTelemetry } = await import("./open-telemetry.ts");
    return await openTelemetry(telemetry);
  } catch (error) {
    await Promise.allSettled(built.map((one) => one[Symbol.asyncDispose]()));
    throw error;
  }
}
