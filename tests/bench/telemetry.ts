// What telemetry adds to a trivial program: recorded, switched off, and absent.

import { loadavg } from "node:os";
import type { SpanExporter } from "@opentelemetry/sdk-trace";
import type { Engine } from "../../src/engine/engine.ts";
import { prometheus } from "../../src/telemetry/exporters/prometheus.ts";
import { openTelemetry } from "../../src/telemetry/open-telemetry.ts";
import type { TraceSink } from "../../src/telemetry/trace.ts";
import { createCatalog } from "../../src/tools/catalog.ts";
import { createPageSource } from "../../src/tools/page-source.ts";
import { openEngine } from "../unit/fixtures/engine.ts";
import { timed } from "./measure.ts";

const WARM_UP = 300;
const ROUNDS = 10_000;

/** Takes spans in batches, as a collector would, and keeps none. */
const NOWHERE: SpanExporter = {
  export: (_, done) => done({ code: 0 }),
  shutdown: () => Promise.resolve(),
};

/**
 * Measures and prints medians, and what each adds to an engine without telemetry: the median of the differences of
 * runs of one round, which follow each other, so that a machine that gets slower in between changes nothing.
 */
export async function measureTelemetry(): Promise<void> {
  const { BatchSpanProcessor } = await import("@opentelemetry/sdk-trace");
  const spans = new BatchSpanProcessor({ exporter: NOWHERE });
  await using recording = await openTelemetry({
    exporters: [prometheus(), { name: "nowhere", open: async () => ({ spans }) }],
  });
  await using recorded = openBenchEngine(recording.sink);
  await using off = openBenchEngine(recording.sink);
  off.flags.set({ enableMetrics: false });
  await using absent = openBenchEngine(undefined);
  // The same thing twice: how far apart two medians are that differ in nothing.
  await using again = openBenchEngine(undefined);
  const engines = { on: recorded, off, absent, again };
  const samples = new Map(Object.keys(engines).map((name) => [name, new Float64Array(ROUNDS)]));
  const turn = Object.entries(engines);

  console.log(`load ${loadavg()[0]?.toFixed(1)} at the start`);
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    // By lot: whoever always followed the same engine would pay for what that one leaves behind.
    for (const [name, engine] of shuffled(turn)) {
      const { ms } = await timed(() => engine.runner.run({ language: "javascript", code: "6 * 7" }));
      if (round >= 0) samples.get(name)?.set([ms], round);
    }
  }
  if (recorded.telemetry.counts.requests !== WARM_UP + ROUNDS) throw new Error("Not all runs were counted.");
  if (off.telemetry.counts.requests !== 0) throw new Error("Runs were counted while that was off.");
  const without = samples.get("absent") ?? new Float64Array();
  for (const [name, values] of samples) {
    const added = median(values.map((ms, round) => ms - (without[round] ?? Number.NaN)));
    const percent = ((added / median(without)) * 100).toFixed(2);
    console.log(
      `${name.padEnd(7)} ${microseconds(median(values))} µs  ${microseconds(added)} µs more, ${percent} %`,
    );
  }
  console.log(`load ${loadavg()[0]?.toFixed(1)} at the end; ${ROUNDS} runs each, one of each a round`);
}

function openBenchEngine(sink: TraceSink | undefined): Engine {
  return openEngine({ catalog: createCatalog([createPageSource({ now: { call: () => 1 } })]), sink });
}

function shuffled<T>(values: readonly T[]): readonly T[] {
  return values
    .map((value) => ({ value, lot: Math.random() }))
    .toSorted((a, b) => a.lot - b.lot)
    .map(({ value }) => value);
}

const microseconds = (ms: number): string => (ms * 1_000).toFixed(0);

function median(values: Float64Array): number {
  return values.toSorted()[values.length >> 1] ?? Number.NaN;
}
