import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { OptimizerError } from "../../base/errors.ts";
import type { TelemetryExporter } from "../../telemetry/exporter.ts";
import type { MetricBatch, MetricPoint } from "../../telemetry/gained-metrics.ts";

/** Options of {@link dogstatsd}. */
export interface DogStatsdOptions {
  /** Of Datadog's agent. Default `127.0.0.1`. */
  readonly host?: string;
  /** Default 8125. */
  readonly port?: number;
  /** From one batch to the next. Milliseconds, default 10,000: Datadog keeps a value each ten seconds. */
  readonly intervalMs?: number;
}

/** What one packet holds at most, so that no network takes it apart. Bytes, as Datadog's own clients have it. */
const MAX_PACKET_BYTES = 1_432;

/** A tag with its key. Characters: more are cut by Datadog. */
const MAX_TAG = 200;

/**
 * Sends metrics to Datadog's agent by DogStatsD over UDP: what counters gained, gauges, and durations as
 * distributions, whose values are within 5 % of those that were measured. UDP tells nobody what arrived.
 */
export function dogstatsd(options: DogStatsdOptions = {}): TelemetryExporter {
  const { host = "127.0.0.1", port = 8_125, intervalMs = 10_000 } = options;
  return {
    name: "dogstatsd",
    async open() {
      if (!Number.isInteger(port) || port < 1 || port > 65_535) {
        throw new OptimizerError(`dogstatsd: ${port} is no port.`, {
          code: 400,
          kind: "invalid_options",
          hint: "Give a number from 1 to 65535.",
        });
      }
      const { createGainedMetrics } = await import("../../telemetry/gained-metrics.ts");
      let socket: Socket | undefined;
      const reader = createGainedMetrics({
        intervalMs,
        buckets: "exponential",
        async send(batch) {
          socket ??= openSocket(host);
          for (const packet of packetsOf(batch)) await sendPacket(socket, packet, port, host);
        },
        close: async () => {
          socket?.close();
        },
      });
      return { reader };
    },
  };
}

function openSocket(host: string): Socket {
  const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
  socket.unref();
  // Who sends hears of it; nobody else has to.
  socket.on("error", () => {});
  return socket;
}

function sendPacket(socket: Socket, packet: string, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(packet, port, host, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** As many whole lines a packet as it holds. A line that is longer than a packet is left out. */
function packetsOf(batch: MetricBatch): readonly string[] {
  const packets: string[] = [];
  let packet = "";
  for (const line of batch.points.flatMap((point) => linesOf(point, batch))) {
    // Lines are ASCII: a character is a byte.
    if (line.length > MAX_PACKET_BYTES) continue;
    if (packet.length + line.length + 1 > MAX_PACKET_BYTES) {
      packets.push(packet);
      packet = "";
    }
    packet += packet === "" ? line : `\n${line}`;
  }
  return packet === "" ? packets : [...packets, packet];
}

function linesOf(point: MetricPoint, { service, version }: MetricBatch): readonly string[] {
  const tags = Object.entries({ service, version, ...point.attributes })
    .map(([key, value]) => tag(key, String(value)))
    .join(",");
  const line = (value: number, type: string, rate = ""): string =>
    `${point.name}:${value}|${type}${rate}|#${tags}`;
  switch (point.kind) {
    case "counter":
      return [line(point.value, "c")];
    case "gauge":
      return [line(point.value, "g")];
    case "exponential":
      return valuesOf(point.value).map(([value, count]) => line(value, "d", sampleRate(count)));
    case "histogram":
      return [];
  }
}

/** Nothing that ends a tag, a line or a packet's text gets into it. */
function tag(key: string, value: string): string {
  return `${key}:${value}`.replace(/[^\w.:/-]/g, "_").slice(0, MAX_TAG);
}

/** Each bucket's middle, and how many values fell into it. */
function valuesOf(
  histogram: Extract<MetricPoint, { kind: "exponential" }>["value"],
): readonly (readonly [value: number, count: number])[] {
  const { scale, zeroCount, positive, min = 0, max = Number.MAX_VALUE } = histogram;
  const values = positive.bucketCounts.map((count, index) => {
    const middle = 2 ** ((positive.offset + index + 0.5) / 2 ** scale);
    return [Math.min(max, Math.max(min, middle)), count] as const;
  });
  return [[0, zeroCount] as const, ...values].filter(([, count]) => count > 0);
}

/**
 * One line stands for `count` values. The agent cuts the fraction of 1 / rate off, and 1 / (1 / 49) is below 49: the
 * rate is a little less than the fraction.
 */
function sampleRate(count: number): string {
  return count === 1 ? "" : `|@${((1 - 2 ** -40) / count).toFixed(20)}`;
}
