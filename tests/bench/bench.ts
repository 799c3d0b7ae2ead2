// npm run bench: our sandbox and @cloudflare/codemode's browser executor in one Chromium, in turn.

import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { type Browser, chromium, type Page } from "playwright";
import { build, preview } from "vite";
import { startErrorsServer } from "../../demo/servers/errors-server.ts";
import { chromiumOptions } from "../setup/chromium.ts";
import type { DevtoolsResults } from "./devtools.ts";
import type { FreezingResults } from "./freezing.ts";
import type { IntentResults } from "./intents.ts";
import type { PageResults } from "./page.ts";
import { privateBytes } from "./private-bytes.ts";
import type { PythonResults } from "./python.ts";

const root = path.resolve(import.meta.dirname, "../..");
const outDir = path.join(tmpdir(), `mcp-optimizer-bench-${process.pid}`);

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
const show = (value: number): string => value.toFixed(value < 10 ? 2 : 1);

const log = (line: string): void => console.log(`[bench] ${line}`);

log("building the page");
await build({
  root,
  logLevel: "error",
  build: { outDir, emptyOutDir: true, rolldownOptions: { input: path.join(root, "tests/bench/bench.html") } },
});
// Plain Pyodide, to compare with.
await cp(path.join(root, "tests/bench/static"), outDir, { recursive: true });
await cp(path.join(root, "node_modules/pyodide"), path.join(outDir, "pyodide"), { recursive: true });
const server = await preview({
  root,
  build: { outDir },
  preview: { host: "127.0.0.1", port: 0 },
  logLevel: "error",
});
const errors = await startErrorsServer({ port: 0, host: "127.0.0.1" });
const browser = await chromium.launch(chromiumOptions());
try {
  const url = `${server.resolvedUrls?.local[0] ?? ""}tests/bench/bench.html`;
  const starts = await measureStarts(browser, url);
  const page = await openPage(browser, url);
  await page.exposeFunction("benchProgress", (line: string) => log(line));
  const results = await page.evaluate(
    (address): Promise<PageResults> =>
      Reflect.get(globalThis, "runBenchmark")(address, Reflect.get(globalThis, "benchProgress")),
    errors.url,
  );
  const python = await page.evaluate(
    (address): Promise<PythonResults> =>
      Reflect.get(globalThis, "runPythonBenchmark")(address, Reflect.get(globalThis, "benchProgress")),
    errors.url,
  );
  log("freezing and restoring");
  const freezing = await page.evaluate(
    (): Promise<FreezingResults> => Reflect.get(globalThis, "runFreezingBenchmark")(),
  );
  log("intents of the page");
  const intents = await page.evaluate(
    (): Promise<IntentResults> => Reflect.get(globalThis, "runIntentBenchmark")(),
  );
  log("devtools with 10,000 runs");
  const devtools = await page.evaluate(
    (): Promise<DevtoolsResults> => Reflect.get(globalThis, "runDevtoolsBenchmark")(),
  );
  await page.close();
  const endurance = await measureEndurance(browser, url);
  const sessionBytes = {
    idle: await measureSessions(browser, url, {
      act: "openIdleSessions",
      before: [5],
      after: [55],
      added: 50,
    }),
    javascript: await measureSessions(browser, url, {
      act: "holdSessions",
      before: ["javascript", 1],
      after: ["javascript", 4],
      added: 4,
    }),
    // No more than one: beyond that the pool would give up its spare, and a session would seem to cost less.
    python: await measureSessions(browser, url, {
      act: "holdSessions",
      before: ["python", 1],
      after: ["python", 1],
      added: 1,
    }),
  };
  await report(
    { ...results, starts, python, freezing, intents, devtools, endurance },
    sessionBytes,
    browser.version(),
  );
} finally {
  await browser.close();
  await server.close();
  await errors.close();
  await rm(outDir, { recursive: true, force: true });
}

async function openPage(from: Browser, url: string): Promise<Page> {
  const page = await from.newPage();
  page.on("pageerror", (error) => log(`page error: ${error.message}`));
  await page.goto(url);
  await page.waitForFunction(() => "runBenchmark" in globalThis);
  return page;
}

interface Start {
  readonly ready: number;
  readonly first: number;
}

/** Engines of new pages, each without anything in its cache. */
async function measureStarts(from: Browser, url: string): Promise<readonly Start[]> {
  log("engines of new pages");
  const starts: Start[] = [];
  for (let turn = 0; turn < 8; turn += 1) {
    const page = await openPage(from, url);
    // What the page loads for itself is done.
    await page.waitForTimeout(500);
    starts.push(await page.evaluate((): Promise<Start> => Reflect.get(globalThis, "startEngine")()));
    await page.close();
  }
  return starts;
}

/** What each session adds to the memory of all the browser's processes. `undefined` where /proc is missing. */
async function measureSessions(
  from: Browser,
  url: string,
  { act, before, after, added }: SessionMeasurement,
): Promise<number | undefined> {
  log(`memory: ${act}(${after.join(", ")})`);
  const page = await openPage(from, url);
  const settle = async (args: readonly unknown[]): Promise<number | undefined> => {
    await page.evaluate(([name, values]): Promise<void> => Reflect.get(globalThis, name)(...values), [
      act,
      args,
    ] as const);
    await page.requestGC();
    await page.waitForTimeout(3_000);
    return privateBytes();
  };
  const low = await settle(before);
  const high = await settle(after);
  await page.close();
  return low === undefined || high === undefined ? undefined : (high - low) / added;
}

/** What the page and all the browser's processes hold after so many runs. */
interface Endurance {
  readonly runs: number;
  readonly heapBytes: number;
  readonly workers: number;
  readonly privateBytes: number | undefined;
}

/** 10,000 runs in one page, looked at after every thousand. */
async function measureEndurance(from: Browser, url: string): Promise<readonly Endurance[]> {
  const page = await openPage(from, url);
  const devtools = await page.context().newCDPSession(page);
  const seen: Endurance[] = [];
  for (let runs = 1_000; runs <= 10_000; runs += 1_000) {
    log(`endurance: ${runs} runs`);
    await page.evaluate((): Promise<void> => Reflect.get(globalThis, "endure")(1_000));
    await page.requestGC();
    await page.waitForTimeout(500);
    const { usedSize } = await devtools.send("Runtime.getHeapUsage");
    seen.push({
      runs,
      heapBytes: usedSize,
      workers: page.workers().length,
      privateBytes: await privateBytes(),
    });
  }
  await page.close();
  return seen;
}

/** Least squares: what a thousand runs add. The first thousand warms up. */
function slopeOf(seen: readonly Endurance[], read: (one: Endurance) => number | undefined): number {
  const points = seen
    .slice(1)
    .flatMap((one): [number, number][] => [[one.runs / 1_000, read(one) ?? Number.NaN]]);
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  const top = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return top / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}

function reportEngine({ cached, uncached }: IntentResults, endurance: readonly Endurance[]): void {
  console.log("\nIntents of the page, eight at a time:");
  console.table([
    { what: "cached", "a second": show(median(cached)), target: "5,000" },
    { what: "called each time", "a second": show(median(uncached)), target: "1,000" },
  ]);
  console.log("10,000 runs in one page:");
  console.table(
    endurance.map(({ runs, heapBytes, workers, privateBytes: bytes }) => ({
      runs,
      "page heap KiB": show(heapBytes / 1024),
      workers,
      "browser MiB": bytes === undefined ? "" : show(bytes / 1024 / 1024),
    })),
  );
  const heap = slopeOf(endurance, ({ heapBytes }) => heapBytes) / 1024;
  const all = slopeOf(endurance, (one) => one.privateBytes) / 1024;
  console.log(`A thousand runs add ${show(heap)} KiB to the page's heap, ${show(all)} KiB to the browser.`);
}

function reportDevtools({ arrived, ...sides }: DevtoolsResults): void {
  console.log(
    `\nFrames of a page while ${show(median(arrived))} runs a second arrive; the devtools hold 10,000:`,
  );
  console.table(
    (["without", "with"] as const).map((side) => {
      const ordered = sides[side].toSorted((a, b) => a - b);
      const total = ordered.reduce((sum, ms) => sum + ms, 0);
      return {
        devtools: side,
        "frames a second": show((ordered.length / total) * 1_000),
        "median ms": show(median(ordered)),
        "99 % ms": show(ordered[Math.floor(0.99 * (ordered.length - 1))] ?? Number.NaN),
        "longest ms": show(ordered.at(-1) ?? Number.NaN),
      };
    }),
  );
}

interface SessionMeasurement {
  /** Function of the page that opens sessions. */
  readonly act: string;
  readonly before: readonly unknown[];
  readonly after: readonly unknown[];
  readonly added: number;
}

function reportPython({ cold, warm, parallelCalls, toolCall }: PythonResults): void {
  const naive = median(cold.naive);
  const against = (ms: number): { ms: string; "times faster": string } => ({
    ms: show(ms),
    "times faster": show(naive / ms),
  });
  const [direct, brokered] = [median(toolCall.direct), median(toolCall.brokered)];
  console.log("\nPython, medians:");
  console.table([
    { what: "cold start to the first result, plain Pyodide in a worker", ms: show(naive) },
    { what: "the same in the sandbox of a page that has its frame", ...against(median(cold.worker)) },
    { what: "the same without the snapshot", ...against(median(cold.anew)) },
    { what: "the same with a new frame", ...against(median(cold.frame)) },
    { what: "warm run in a fresh interpreter", ms: show(median(warm)) },
    { what: "100 parallel calls, the whole run", ms: show(median(parallelCalls)) },
    { what: "one call of a real MCP server, by the client itself", ms: show(direct) },
    { what: "what a program adds to it", ms: show(brokered - direct) },
  ]);
}

function reportFreezing({ freeze, store, restore, bytes }: FreezingResults): void {
  const line = (what: string, values: readonly number[], unit: string, limit: number): object => {
    const ordered = values.toSorted((a, b) => a - b);
    const p95 = ordered[Math.floor(0.95 * (ordered.length - 1))] ?? Number.NaN;
    return { what, median: `${show(median(values))} ${unit}`, "95 %": `${show(p95)} ${unit}`, target: limit };
  };
  const kilobytes = bytes.map((size) => size / 1_000);
  console.log("\nA program of QuickJS with a thousand objects that waits for a decision:");
  console.table([
    line("frozen and kept in IndexedDB", store, "ms", 20),
    line("of that, until it is frozen", freeze, "ms", 20),
    line("read, restored, and at its next call", restore, "ms", 50),
    line("compressed", kilobytes, "kB", 200),
  ]);
}

async function report(
  results: PageResults & {
    readonly starts: readonly Start[];
    readonly python: PythonResults;
    readonly freezing: FreezingResults;
    readonly intents: IntentResults;
    readonly devtools: DevtoolsResults;
    readonly endurance: readonly Endurance[];
  },
  sessionBytes: Readonly<Record<string, number | undefined>>,
  browserVersion: string,
): Promise<void> {
  const rows = Object.entries(results.interleaved).map(([name, { ours, native, peer }]) => {
    const [mine, other] = [median(ours), median(peer)];
    return {
      program: name,
      "ours ms": show(mine),
      "native() ms": native.length > 0 ? show(median(native)) : "",
      "peer ms": show(other),
      "times faster": show(other / mine),
    };
  });
  const { ours1000, peer100 } = results.concurrent;
  rows.push({
    program: "1,000 runs at concurrency 8 (peer: 100, times 10)",
    "ours ms": show(ours1000),
    "native() ms": "",
    "peer ms": show(peer100 * 10),
    "times faster": show((peer100 * 10) / ours1000),
  });
  console.log(
    `\nMedians, Chromium ${browserVersion}, ${cpus().length} cores; a fresh VM for every run on our side, a fresh frame on the peer's.`,
  );
  console.table(rows);
  const { starts, toolCall } = results;
  console.log(
    `An engine of a new page: ready after ${show(median(starts.map(({ ready }) => ready)))} ms, its first program returned after ${show(median(starts.map(({ first }) => first)))} ms.`,
  );
  if (toolCall !== undefined) {
    const [direct, brokered] = [median(toolCall.direct), median(toolCall.brokered)];
    console.log(
      `A call of a real MCP server: ${show(direct)} ms by the client itself, ${show(brokered)} ms from a program: ${show(brokered - direct)} ms more.`,
    );
  }
  reportPython(results.python);
  reportFreezing(results.freezing);
  reportEngine(results.intents, results.endurance);
  reportDevtools(results.devtools);
  for (const [kind, bytes] of Object.entries(sessionBytes)) {
    const size = bytes === undefined ? "not measured (needs /proc)" : `${show(bytes / 1024 / 1024)} MiB`;
    console.log(`One more ${kind} session, private memory: ${size}`);
  }
  const directory = path.join(root, "bench-results");
  await mkdir(directory, { recursive: true });
  const file = path.join(directory, "bench.json");
  await writeFile(
    file,
    JSON.stringify({ browserVersion, cores: cpus().length, sessionBytes, ...results }, null, 2),
  );
  log(`raw figures: ${path.relative(root, file)}`);
}
