// The attacker broke out of the engine: any JavaScript of his runs in the worker. He wants the network,
// the page's storage, or code from text. Each wall is taken away once, to see that the probe would tell.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NESTED_WORKERS } from "../suites/differences.ts";
import { reasonHere, skipWhere } from "../suites/skips.ts";
import probe from "./payloads/worker-reach.js?raw";
import { type Canary, openCanary } from "./setup/canary.ts";
import { framePolicy, openFrameWith, workerScript } from "./setup/frame-with.ts";
import { hostileSource, openHostileTarget } from "./setup/hostile-worker.ts";
import { type PlantedSecrets, plantSecrets } from "./setup/planted-secrets.ts";
import { benignValue, endOf } from "./setup/target.ts";

let planted: PlantedSecrets;

beforeAll(async () => {
  planted = await plantSecrets();
});
afterAll(() => planted[Symbol.asyncDispose]());

const STARTS_WORKERS = reasonHere(NESTED_WORKERS) === undefined;

/** What can be reached over the network from a worker, in a page without walls. */
const NETWORK = [
  "fetch",
  "fetch-no-cors",
  "fetch-keepalive",
  "fetch-cookies",
  "sync-xhr",
  "websocket",
  "event-source",
  "import-scripts",
  "import",
  ...(STARTS_WORKERS ? ["nested-fetch", "nested-import"] : []),
];
const STORAGE = ["indexed-db", "cache", ...("storage" in navigator ? ["opfs"] : []), "broadcast"];
const CODE = ["eval", "function", "timeout-text"];

const prelude = (canary: Canary): string =>
  `${STARTS_WORKERS ? "" : "self.Worker = undefined; "}const HTTP = ${JSON.stringify(canary.http)}, WS = ${JSON.stringify(canary.ws)}, PLANTED = ${JSON.stringify(planted.name)};\n${probe}\n`;

type Report = Readonly<Record<string, string>>;

const worked = (report: Report, names: readonly string[]): readonly string[] =>
  names.filter((name) => report[name] === "42" || report[name]?.includes(planted.secret));

describe("a compromised worker", () => {
  test("reaches no network, no storage, and makes no code from text", async () => {
    await using target = await openHostileTarget();
    const canary = openCanary();
    target.attack(hostileSource("done(await reach());", undefined, prelude(canary)));
    const result = await target.run("0", { maxTokens: 100_000 });
    if (result.status !== "returned") throw new Error(endOf(result));
    const report = result.value as Report;
    // The same probe without walls, later: when its hits are there, those of the attack would be too.
    const control = openCanary();
    await inPlainWorker(prelude(control));
    expect(await control.hits(...NETWORK)).toEqual(expect.arrayContaining(NETWORK));
    expect(await canary.hits()).toEqual([]);
    expect(JSON.stringify(report)).not.toContain(planted.secret);
    expect(worked(report, [...STORAGE, ...CODE, "import-blob", "import-data"])).toEqual([]);
    const refused = Object.keys(report).filter((name) => report[name]?.startsWith("refused"));
    expect(refused).toEqual(
      expect.arrayContaining([
        ...NETWORK.filter((name) => !name.startsWith("nested")),
        "indexed-db",
        "cache",
        "opfs",
        ...CODE.slice(0, 2),
      ]),
    );
    expect(report["page-url"]).not.toContain(location.origin + location.pathname);
    expect(await benignValue(target)).toBe(42);
  });

  test("control: in a plain worker of the page everything is reached", async () => {
    const canary = openCanary();
    const report = await inPlainWorker(prelude(canary));
    expect(await canary.hits(...NETWORK)).toEqual(expect.arrayContaining(NETWORK));
    expect(worked(report, STORAGE)).toEqual(STORAGE);
    expect(worked(report, CODE)).toEqual(CODE);
  });

  test("control: in an opaque frame without our policy the network and code from text are reached", async () => {
    const canary = openCanary();
    const report = await inFrame(prelude(canary), "allow-scripts", "");
    expect(await canary.hits(...NETWORK)).toEqual(expect.arrayContaining(NETWORK));
    expect(worked(report, CODE)).toEqual(CODE);
    expect(JSON.stringify(report)).not.toContain(planted.secret);
  });

  test("control: in a frame with our policy but the page's origin the storage is reached", async () => {
    const canary = openCanary();
    expect(framePolicy).toContain("connect-src 'none'");
    const report = await inFrame(prelude(canary), "allow-scripts allow-same-origin", framePolicy);
    expect(worked(report, STORAGE)).toEqual(STORAGE);
    expect(worked(report, CODE)).toEqual([]);
    expect(await canary.hits()).toEqual([]);
  });

  test("dies with the workers that it started", async (context) => {
    skipWhere(NESTED_WORKERS, context);
    await using target = await openHostileTarget();
    // Each nested worker beats on a channel of the frame's own origin; the next attacker listens there.
    const beat = `const channel = new BroadcastChannel("zombies"); setInterval(() => channel.postMessage(1), 5); for (;;) { const end = performance.now() + 5; while (performance.now() < end); await new Promise((r) => setTimeout(r)); }`;
    const listen = `new Promise((resolve) => { const channel = new BroadcastChannel("zombies"); let heard = 0; channel.onmessage = () => { heard += 1; }; setTimeout(() => resolve(heard), 300); })`;
    const start = `for (let i = 0; i < 3; i++) new Worker(URL.createObjectURL(new Blob([${JSON.stringify(`(async () => { ${beat} })()`)}])));`;
    target.attack(hostileSource(`${start} done(await ${listen});`));
    const alive = await target.run("0");
    expect(alive.status === "returned" && Number(alive.value)).toBeGreaterThan(3);
    target.attack(hostileSource(`await ${listen}; done(await ${listen});`));
    expect(await target.run("0")).toMatchObject({ status: "returned", value: 0 });
  });
});

function inPlainWorker(text: string): Promise<Report> {
  const url = URL.createObjectURL(
    new Blob([`${text}; reach().then((report) => postMessage(report));`], { type: "text/javascript" }),
  );
  const worker = new Worker(url);
  return new Promise<Report>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Report>) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
  }).finally(() => worker.terminate());
}

/** The same in a worker of a frame with other walls than ours. */
async function inFrame(text: string, sandbox: string, policy: string): Promise<Report> {
  await using frame = await openFrameWith(
    workerScript(`${text}; reach().then((report) => postMessage(report));`),
    sandbox,
    policy,
  );
  return (await frame.said) as Report;
}
