// npm run bench: our sandbox and @cloudflare/codemode's browser executor in one Chromium, in turn.

import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { type Browser, chromium, type Page } from "playwright";
import { build, preview } from "vite";
import { startErrorsServer } from "../../demo/servers/errors-server.ts";
import { chromiumOptions } from "../setup/chromium.ts";
import type { PageResults } from "./page.ts";

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
  const page = await openPage(browser, url);
  await page.exposeFunction("benchProgress", (line: string) => log(line));
  const results = await page.evaluate(
    (address): Promise<PageResults> =>
      Reflect.get(globalThis, "runBenchmark")(address, Reflect.get(globalThis, "benchProgress")),
    errors.url,
  );
  await page.close();
  const idleSessionBytes = await measureIdleSessions(browser, url);
  await report(results, idleSessionBytes, browser.version());
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

/** Memory that 50 sessions add to all of the browser's processes. `undefined` where /proc is missing. */
async function measureIdleSessions(from: Browser, url: string): Promise<number | undefined> {
  log("50 idle sessions");
  const page = await openPage(from, url);
  const open = (count: number): Promise<void> =>
    page.evaluate((sessions): Promise<void> => Reflect.get(globalThis, "openIdleSessions")(sessions), count);
  const settle = async (): Promise<number | undefined> => {
    await page.requestGC();
    await page.waitForTimeout(3_000);
    return privateBytes();
  };
  await open(5);
  const before = await settle();
  await open(55);
  const after = await settle();
  await page.close();
  return before === undefined || after === undefined ? undefined : (after - before) / 50;
}

/** Private memory of every process that descends from this one. */
async function privateBytes(): Promise<number | undefined> {
  try {
    const parents = new Map<number, number>();
    for (const entry of await readdir("/proc")) {
      if (!/^\d+$/.test(entry)) continue;
      const stat = await readFile(`/proc/${entry}/stat`, "utf8").catch(() => "");
      const parent = /\) \S (\d+)/.exec(stat)?.[1];
      if (parent !== undefined) parents.set(Number(entry), Number(parent));
    }
    const descends = (pid: number): boolean => {
      for (let at: number | undefined = pid; at !== undefined; at = parents.get(at))
        if (at === process.pid) return true;
      return false;
    };
    let bytes = 0;
    for (const pid of parents.keys()) {
      if (pid === process.pid || !descends(pid)) continue;
      const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
      for (const [, kilobytes] of rollup.matchAll(/^Private_\w+:\s+(\d+) kB$/gm))
        bytes += Number(kilobytes) * 1024;
    }
    return bytes;
  } catch {
    return undefined;
  }
}

async function report(
  results: PageResults,
  idleSessionBytes: number | undefined,
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
  const { toolCall } = results;
  if (toolCall !== undefined) {
    const [direct, brokered] = [median(toolCall.direct), median(toolCall.brokered)];
    console.log(
      `A call of a real MCP server: ${show(direct)} ms by the client itself, ${show(brokered)} ms from a program: ${show(brokered - direct)} ms more.`,
    );
  }
  console.log(
    idleSessionBytes === undefined
      ? "An idle session: not measured (needs /proc)."
      : `An idle session: ${show(idleSessionBytes / 1024 / 1024)} MiB of private memory.`,
  );
  const directory = path.join(root, "bench-results");
  await mkdir(directory, { recursive: true });
  const file = path.join(directory, "bench.json");
  await writeFile(
    file,
    JSON.stringify({ browserVersion, cores: cpus().length, idleSessionBytes, ...results }, null, 2),
  );
  log(`raw figures: ${path.relative(root, file)}`);
}
