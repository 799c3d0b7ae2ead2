// Frozen runs as a page keeps them: in IndexedDB, for another frame with other workers.

import { expect, test } from "vitest";
import { parseFrozenRun } from "../../src/protocol/frozen-run.ts";
import { HELD } from "../../src/protocol/guest-protocol.ts";
import { quickjs } from "../../src/sandbox/browser/quickjs.ts";
import { resolveLimits } from "../../src/sandbox/limits.ts";
import type { RunOutcome } from "../../src/sandbox/sandbox.ts";
import { openIndexedStore } from "../suites/indexed-store.ts";
import { recordingPort } from "../suites/recording-port.ts";

/** Stores a value as the browser does, and reads it again over another connection. */
async function throughIndexedDb(value: unknown): Promise<unknown> {
  const name = `frozen-${crypto.randomUUID()}`;
  const writer = await openIndexedStore(name);
  await writer.put(value);
  writer.close();
  const reader = await openIndexedStore(name);
  const read = await reader.get();
  reader.close();
  indexedDB.deleteDatabase(name);
  return read;
}

/** Runs a program in a sandbox, with a frame, that is gone afterwards. */
async function runAndLeave(code: string): Promise<RunOutcome> {
  await using sandbox = quickjs();
  await using session = sandbox.open("kept", resolveLimits());
  const port = recordingPort(({ target, args }) => (target === "srv.ask" ? HELD : { ok: true, json: args }));
  return await session.run(
    { language: "typescript", code, inputs: "{}" },
    port,
    new AbortController().signal,
  );
}

const PROGRAMS = {
  "in the bare image": `
    const kept: Map<string, number[]> = new Map([["a", [1, 2]]]);
    const answers = await Promise.all([tools.srv.echo(1), tools.srv.ask({}), tools.srv.echo(3)]);
    return [[...kept.values()], answers];`,
  "in the image of the web": `
    const url: URL = new URL("https://a.example/");
    const answers = await Promise.all([tools.srv.echo(1), tools.srv.ask({}), tools.srv.echo(3)]);
    return [url.host, answers];`,
};

const VALUES = {
  "in the bare image": [[[1, 2]], [1, "yes", 3]],
  "in the image of the web": ["a.example", [1, "yes", 3]],
};

for (const image of ["in the bare image", "in the image of the web"] as const) {
  test(`a program ${image} goes on in another frame, out of IndexedDB`, async () => {
    const outcome = await runAndLeave(PROGRAMS[image]);
    if (outcome.status !== "suspended") expect.fail(JSON.stringify(outcome));
    const frozen = parseFrozenRun(await throughIndexedDb(outcome.frozen));
    expect(frozen).toEqual(outcome.frozen);
    await using sandbox = quickjs();
    await using session = sandbox.open("kept", resolveLimits());
    const port = recordingPort();
    const end = await session.resume?.(frozen, port, new AbortController().signal, {
      replies: [{ id: 2, ok: true, json: '"yes"' }],
    });
    expect(end).toMatchObject({ status: "returned", json: JSON.stringify(VALUES[image]) });
    expect(port.calls).toEqual([]);
  });
}
