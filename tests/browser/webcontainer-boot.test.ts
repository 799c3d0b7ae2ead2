import { afterEach, expect, test, vi } from "vitest";
import { resolveLimits } from "../../src/sandbox/limits.ts";
import type { RunOutcome, Sandbox } from "../../src/sandbox/sandbox.ts";
import { webcontainer } from "../../src/webcontainer.ts";
import { recordingPort } from "../suites/recording-port.ts";
import { findProcesses, setMode, useContainerService } from "./setup/webcontainer/page.ts";

// The order counts: the API keeps its key, its frame and its first answer for as long as the page lives.

const KEY = "boots";
useContainerService();
afterEach(() => vi.unstubAllGlobals());

const run = (
  sandbox: Sandbox,
  code: string,
  port = recordingPort(),
  signal = new AbortController().signal,
): Promise<RunOutcome> =>
  sandbox.open("test", resolveLimits()).run({ language: "javascript", code, inputs: "{}" }, port, signal);

const problem = (message: string | RegExp, hint: RegExp) => ({
  code: 500,
  kind: "sandbox_unavailable",
  message: expect.stringMatching(message),
  hint: expect.stringMatching(hint),
  retryable: true,
});

test("a page that is not cross-origin isolated hears so, before anything is loaded", async () => {
  await using sandbox = webcontainer({ apiKey: KEY });
  const expected = problem(
    /not cross-origin isolated$/,
    /cross-origin-opener-policy.*cross-origin-embedder-policy/,
  );
  await expect(sandbox.prepare()).rejects.toMatchObject(expected);
  await expect(run(sandbox, "return 1")).rejects.toMatchObject(expected);
  expect(document.querySelector('iframe[src*="/headless"]')).toBeNull();
});

test("a service that nobody reaches ends the boot at its time, and a later run tries again", async () => {
  await setMode(KEY, "down");
  await using sandbox = webcontainer({ apiKey: KEY, coep: "none", bootTimeoutMs: 3_000 });
  const started = performance.now();
  await expect(sandbox.prepare()).rejects.toMatchObject(
    problem(/no answer from http:\/\/127\.0\.0\.1:\d+ within 3000 ms$/, /no network.*frame-src/),
  );
  expect(performance.now() - started).toBeLessThan(6_000);
  await setMode(KEY, "well");
  expect(await run(sandbox, "return 1 + 1")).toMatchObject({ status: "returned", json: "2" });
});

test("an isolated page boots with the key and the policy that it names", async () => {
  vi.stubGlobal("crossOriginIsolated", true);
  await using sandbox = webcontainer({ apiKey: KEY });
  expect(await run(sandbox, "return 2")).toMatchObject({ status: "returned", json: "2" });
  const frame = document.querySelector<HTMLIFrameElement>('iframe[src*="/headless"]');
  expect(new URL(frame?.src ?? "").searchParams.get("client_id")).toBe(KEY);
});

test("a second container of a page is refused, with the way to share one", async () => {
  await using first = webcontainer({ apiKey: KEY, coep: "none" });
  await first.prepare();
  await using second = webcontainer({ apiKey: KEY, coep: "none" });
  await expect(second.prepare()).rejects.toMatchObject(
    problem(/the service refused: Only a single WebContainer/, /webcontainer\(\{ container \}\)/),
  );
});

test("another key after the first boot of a page is refused", async () => {
  await using sandbox = webcontainer({ apiKey: "another", coep: "none" });
  await expect(sandbox.prepare()).rejects.toMatchObject(
    problem(/the licence key came too late/, /first webcontainer\(\) of the page/),
  );
});

test("a process that follows no signal takes its container along, and the next run gets another", async () => {
  await setMode(KEY, "deaf");
  await using sandbox = webcontainer({ apiKey: KEY, coep: "none" });
  const controller = new AbortController();
  const port = recordingPort(() => new Promise(() => {}));
  const running = run(sandbox, "await tools.srv.wait({})", port, controller.signal);
  await port.called(1);
  const beside = run(sandbox, "await tools.srv.wait({})", port);
  await port.called(2);
  controller.abort();
  expect(await running).toMatchObject({ status: "stopped", reason: "cancelled" });
  // What ran beside it ends with the container.
  expect(await beside).toMatchObject({
    status: "stopped",
    reason: "crashed",
    message: "The container had to be torn down.",
  });
  await setMode(KEY, "well");
  expect(await run(sandbox, "return 3")).toMatchObject({ status: "returned", json: "3" });
  await expect.poll(() => findProcesses(KEY), { timeout: 10_000 }).toEqual([]);
});
