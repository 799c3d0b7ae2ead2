// Programs that outlive their page: a reload, another tab, a browser that was closed.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DurablePage } from "../browser/setup/durable-page.ts";
import { startStrictPages } from "../browser/setup/strict-pages.ts";
import { chromiumOptions } from "../setup/chromium.ts";

const running = new AsyncDisposableStack();
let pages: string;

beforeAll(async () => {
  const site = await startStrictPages([]);
  running.defer(() => site.close());
  pages = site.url;
});
afterAll(() => running.disposeAsync());

declare const durable: DurablePage;

/** How long a loaded machine may take for a moment. */
const PATIENCE = { timeout: 20_000 };

/** A browser with a profile of its own, which can be closed and opened again. */
async function openProfile(): Promise<{
  readonly open: () => Promise<Page>;
  readonly reopen: () => Promise<Page>;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const profile = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-profile-"));
  let context: BrowserContext = await chromium.launchPersistentContext(profile, chromiumOptions());
  const open = async (): Promise<Page> => {
    const page = await context.newPage();
    await page.goto(`${pages}/durable`);
    await page.waitForFunction(() => "durable" in globalThis);
    return page;
  };
  return {
    open,
    async reopen() {
      await context.close();
      context = await chromium.launchPersistentContext(profile, chromiumOptions());
      return open();
    },
    async [Symbol.asyncDispose]() {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}

const THREE = `
  const state = new Map([["begun", true]]);
  const done = await Promise.all([tools.page.read({ n: 1 }), tools.page.erase({}), tools.page.read({ n: 3 })]);
  return [state.get("begun"), ...done];`;

const begin = (page: Page): Promise<string> =>
  page.evaluate(async (code) => {
    const result = await durable.optimizer.run({ language: "javascript", code });
    if (result.status !== "suspended") throw new Error(JSON.stringify(result));
    return result.resume;
  }, THREE);

const finish = (page: Page): Promise<unknown> =>
  page.evaluate(async () => {
    const [waiting] = await durable.optimizer.suspended();
    if (waiting === undefined) throw new Error("Nothing waits.");
    const decisions = Object.fromEntries(waiting.approvals.map(({ id }) => [id, { allow: true }]));
    const result = await durable.optimizer.resume(waiting.resume, decisions);
    if (result.status !== "returned") throw new Error(JSON.stringify(result));
    return { value: result.value, calls: durable.calls() };
  });

const FINISHED = {
  value: [true, { n: 1 }, "erased", { n: 3 }],
  calls: ["read1", "read3", "erase"],
};

test("a program with three calls, one of which needs a word, survives a reload and finishes", async () => {
  await using profile = await openProfile();
  const page = await profile.open();
  await begin(page);
  await page.reload();
  await page.waitForFunction(() => "durable" in globalThis);
  expect(await finish(page)).toEqual(FINISHED);
});

test("it survives a restart of the browser, and goes on in one of two tabs", async () => {
  await using profile = await openProfile();
  const token = await begin(await profile.open());
  const page = await profile.reopen();
  const other = await profile.open();
  const ends = await Promise.allSettled(
    [page, other].map((one) =>
      one.evaluate(async (resume) => {
        const runs = await durable.optimizer.suspended();
        const id = runs[0]?.approvals[0]?.id ?? "";
        const result = await durable.optimizer.resume(resume, { [id]: { allow: true } });
        return { value: "value" in result ? result.value : result.status, calls: durable.calls() };
      }, token),
    ),
  );
  const values = ends.flatMap((end) => (end.status === "fulfilled" ? [end.value] : []));
  expect(values).toEqual([FINISHED]);
});

/** Begins a program that waits for a tool, and resolves when it is kept. */
const beginWaiting = async (page: Page): Promise<void> => {
  await page.evaluate(() => {
    const code = `
      const seen = [(await tools.page.read({ n: 1 })).n];
      try { seen.push(await tools.page.slow({})); } catch (error) { seen.push(error.kind); }
      return seen;`;
    void durable.optimizer.run({ language: "javascript", code }, { durable: true });
  });
  await expect
    .poll(
      () =>
        page.evaluate(async () => {
          const kept = durable.optimizer.context.open({ session: "default", area: "suspended" });
          return durable.calls().includes("slow") ? (await kept.keys()).length : 0;
        }),
      PATIENCE,
    )
    .toBe(1);
};

test("a durable program goes on when its tab is gone, and the call under way is not made again", async () => {
  await using profile = await openProfile();
  const page = await profile.open();
  await beginWaiting(page);
  const other = await profile.open();
  // As long as its tab lives, it is nobody else's.
  expect(await other.evaluate(() => durable.optimizer.suspended())).toEqual([]);
  await page.close();
  // The browser gives the lock of a closed tab back in a moment.
  const waiting = () => other.evaluate(async () => (await durable.optimizer.suspended()).length);
  await expect.poll(waiting, PATIENCE).toBe(1);
  const result = await other.evaluate(async () => {
    const [waiting] = await durable.optimizer.suspended();
    if (waiting === undefined) throw new Error("Nothing waits.");
    const result = await durable.optimizer.resume(waiting.resume, {});
    return { approvals: waiting.approvals, result, calls: durable.calls() };
  });
  expect(result).toMatchObject({
    approvals: [],
    result: { status: "returned", value: [1, "unknown_outcome"] },
    calls: ["read1", "slow"],
  });
  expect(await other.evaluate(() => durable.optimizer.suspended())).toEqual([]);
});

test("a durable program that ends leaves nothing behind", async () => {
  await using profile = await openProfile();
  const page = await profile.open();
  const result = await page.evaluate(async () => {
    const code = "await tools.page.slow({ ms: 400 }); return await tools.page.read({ n: 2 })";
    const { status } = await durable.optimizer.run({ language: "javascript", code }, { durable: true });
    return { status, waiting: await durable.optimizer.suspended() };
  });
  expect(result).toEqual({ status: "returned", waiting: [] });
});

test("a tab that dies at any step of a durable run leaves it settled once, and no call made twice", {
  timeout: 400_000,
}, async ({ annotate }) => {
  await using profile = await openProfile();
  const other = await profile.open();
  const code = `
    const seen = [(await tools.page.read({ n: 1 })).n];
    const attempt = (call) => call.then((value) => seen.push(value), ({ kind }) => seen.push(kind));
    await attempt(tools.page.slow({ ms: 400 }));
    await attempt(tools.page.add({}));
    await attempt(tools.page.slow({ ms: 400 }));
    return seen;`;
  const ends: unknown[] = [];
  for (let step = 1; step < 20; step += 1) {
    await other.evaluate(() => localStorage.clear());
    const page = await profile.open();
    const running = page.evaluate(([text, at]) => durable.runUntil(text, at), [code, step] as const);
    const hung = other.waitForFunction((at) => localStorage.getItem("hung") === `${at}`, step, PATIENCE);
    const value = await Promise.race([running, hung.then(() => undefined)]);
    hung.catch(() => undefined);
    running.catch(() => undefined);
    await page.close();
    if (value !== undefined) {
      expect(value).toEqual([1, "late", "added", "late"]);
      break;
    }
    // The browser gives the lock of a closed tab back in a moment.
    await expect.poll(() => other.evaluate(heldRuns), PATIENCE).toEqual([]);
    const end = await other.evaluate(async () => {
      const waiting = await durable.optimizer.suspended();
      const results: unknown[] = [];
      for (const { resume } of waiting) {
        const result = await durable.optimizer.resume(resume, {});
        results.push(result.status === "returned" ? result.value : result);
      }
      const left = await durable.optimizer.suspended();
      const next = await durable.optimizer.run({ language: "javascript", code: "return 42" });
      return { results, left, next: next.status, calls: durable.calls() };
    });
    ends.push(end.results[0] ?? "gone");
    expect(end, `at step ${step}`).toMatchObject({ left: [], next: "returned" });
    expect(end.results.length).toBeLessThanOrEqual(1);
    // What was kept goes on to its end, whatever it has to hear about the call that was under way.
    for (const result of end.results) {
      expect(result).toEqual([
        1,
        expect.stringMatching(/^(?:late|unknown_outcome)$/),
        expect.stringMatching(/^(?:added|unknown_outcome)$/),
        expect.stringMatching(/^(?:late|unknown_outcome)$/),
      ]);
    }
    expect(end.calls.filter((name) => name === "add").length).toBeLessThanOrEqual(1);
    expect(end.calls.filter((name) => name === "slow").length).toBeLessThanOrEqual(2);
  }
  await annotate(JSON.stringify(ends));
  // Begun, four calls with their ends, two waits in the middle of one, and the end.
  expect(ends).toHaveLength(12);
  expect(ends.filter((end) => end !== "gone").length).toBeGreaterThanOrEqual(2);
});

/** Runs that some tab carries out. */
async function heldRuns(): Promise<readonly string[]> {
  const { held = [] } = await navigator.locks.query();
  return held.flatMap(({ name = "" }) => (name.startsWith("mcp-optimizer/run/") ? [name] : []));
}
