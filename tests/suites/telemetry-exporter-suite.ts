// What holds for every exporter, whatever it delivers to and in which form.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { executeRequest } from "../../src/engine/request.ts";
import type { HostEngine } from "../../src/host/host-engine.ts";
import type { TelemetryCounts } from "../../src/telemetry/counts.ts";
import type { TelemetryExporter } from "../../src/telemetry/exporter.ts";
import { METRIC, OWN } from "../../src/telemetry/names.ts";

/** Metrics by the names of the engine, read back from where they were delivered. */
export interface ExporterDestination extends AsyncDisposable {
  readonly exporter: TelemetryExporter;
  /** Of all sets of attributes, or of those with one value: a counter's sum, a gauge, how often a histogram was given one. */
  total(metric: string, where?: readonly [attribute: string, value: string]): Promise<number | undefined>;
}

export interface ExporterCase {
  readonly name: string;
  /** Opens the destination, or says why there is none here. Its exporter sends nothing before the engine ends. */
  open(): Promise<ExporterDestination | string>;
  /** Exporters to destinations that take nothing, by what is wrong with them. `asked`: it sends nothing by itself. */
  readonly dead: "asked" | Readonly<Record<string, () => TelemetryExporter>>;
}

export interface ExporterSuiteOptions {
  readonly cases: readonly ExporterCase[];
  /** Opens an engine with {@link MIXED_CODES}' server. */
  readonly openEngine: (exporters: readonly TelemetryExporter[]) => Promise<HostEngine>;
}

const RUNS = 1_000;
const LANES = 4;
const READ_BACK_MS = 30_000;

export const MIXED_CODES = [
  "return 6 * 7",
  "return (await tools.errors.list_errors({ limit: 2 })).errors.length",
  "throw new Error('no')",
  "return Array.from({ length: 4000 }, (_, id) => ({ id }))",
  "return await tools.errors.no_such_tool({})",
];

/** Programs and intents of every kind, in lanes. */
export async function runMixed(engine: Engine, runs: number): Promise<TelemetryCounts> {
  const lane = async (first: number): Promise<void> => {
    for (let number = first; number < runs; number += LANES) {
      const code = MIXED_CODES[number % (MIXED_CODES.length + 1)];
      if (code === undefined)
        await executeRequest({ intent: "errors.list_errors", params: { limit: 3 } }, engine);
      else await engine.runner.run({ code });
    }
  };
  await Promise.all(Array.from({ length: LANES }, (_, first) => lane(first)));
  return engine.telemetry.counts;
}

/** What every destination has to know. */
function expectations(counts: TelemetryCounts) {
  const { byStatus, toolCalls } = counts;
  return [
    { metric: METRIC.requests, value: counts.requests },
    { metric: METRIC.requests, where: [OWN.status, "threw"], value: byStatus.threw },
    { metric: METRIC.requests, where: [OWN.status, "returned"], value: byStatus.returned },
    { metric: METRIC.openRequests, value: counts.openRequests },
    { metric: METRIC.operationsByIntent, where: [OWN.outcome, "ok"], value: byStatus.returned },
    { metric: METRIC.tokensUsed, value: counts.tokensUsed },
    { metric: METRIC.tokensSaved, value: counts.tokensSaved },
    { metric: METRIC.cacheLookups, value: counts.cacheLookups },
    { metric: METRIC.cacheHits, value: counts.cacheHits },
    { metric: METRIC.tokenLimitExceeded, value: counts.tokenLimitExceeded },
    { metric: METRIC.toolCalls, where: [OWN.outcome, "ok"], value: toolCalls.ok },
    { metric: METRIC.toolCalls, where: [OWN.outcome, "error"], value: toolCalls.error },
    { metric: METRIC.executionTime, value: counts.executionTimeMs.count },
  ] as const satisfies readonly Expectation[];
}

interface Expectation {
  readonly metric: string;
  readonly where?: readonly [attribute: string, value: string];
  readonly value: number | undefined;
}

/** Asks until all of it has arrived, or for 30 s. */
async function readBack(
  destination: ExporterDestination,
  expected: readonly Expectation[],
): Promise<readonly Expectation[]> {
  const latest = performance.now() + READ_BACK_MS;
  for (;;) {
    const found: Expectation[] = [];
    for (const one of expected) found.push({ ...one, value: await destination.total(one.metric, one.where) });
    if (found.every(({ value }, index) => value === expected[index]?.value)) return found;
    if (performance.now() > latest) return found;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Holds exporters to what all of them promise, over one engine and its thousand runs. */
export function telemetryExporterSuite({ cases, openEngine }: ExporterSuiteOptions): void {
  describe("every exporter", () => {
    const destinations = new Map<string, ExporterDestination | string>();
    const before = new Map<string, number | undefined>();
    const found = new Map<string, readonly Expectation[]>();
    const stack = new AsyncDisposableStack();
    let expected: readonly Expectation[] = [];

    beforeAll(async () => {
      const open: { readonly one: ExporterCase; readonly destination: ExporterDestination }[] = [];
      for (const one of cases) {
        const destination = await one.open();
        destinations.set(one.name, destination);
        if (typeof destination !== "string") open.push({ one, destination: stack.use(destination) });
      }
      const host = stack.use(await openEngine(open.map(({ destination }) => destination.exporter)));
      expected = expectations(await runMixed(host.engines.of(undefined), RUNS));
      for (const { one, destination } of open) {
        if (one.dead === "asked") found.set(one.name, await readBack(destination, expected));
        else before.set(one.name, await destination.total(METRIC.requests));
      }
      await host[Symbol.asyncDispose]();
      for (const { one, destination } of open)
        if (one.dead !== "asked") found.set(one.name, await readBack(destination, expected));
    }, 300_000);
    afterAll(() => stack.disposeAsync());

    describe.for(cases)("$name", ({ name, dead }) => {
      test("delivers what the engine counted", (context) => {
        const destination = destinations.get(name);
        if (typeof destination === "string") return context.skip(destination);
        expect(expected[0]).toEqual({ metric: METRIC.requests, value: RUNS });
        expect(found.get(name)).toEqual(expected);
      });

      if (dead === "asked") return;

      test("delivers what is left when the engine ends", (context) => {
        const destination = destinations.get(name);
        if (typeof destination === "string") return context.skip(destination);
        expect(before.get(name) ?? 0).toBe(0);
        expect(found.get(name)?.[0]?.value).toBe(RUNS);
      });

      test.for(Object.entries(dead))("fails no run, and holds no engine open: %s", async ([, make]) => {
        const host = await openEngine([make()]);
        const counts = await runMixed(host.engines.of(undefined), 24);
        expect(counts.requests).toBe(24);
        expect(counts.byStatus.returned).toBeGreaterThan(0);
        const started = performance.now();
        await host[Symbol.asyncDispose]();
        expect(performance.now() - started).toBeLessThan(20_000);
      });
    });
  });
}
