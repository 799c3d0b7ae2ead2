// The frame's walls. The attacker broke out of the engine: any JavaScript of his runs in the worker.

import { afterAll, beforeAll } from "vitest";
import { findOptimizerError } from "../../../src/base/errors.ts";
import { isJsonObject } from "../../../src/base/json.ts";
import type { SandboxFrame } from "../../../src/sandbox/browser/frame.ts";
import { NESTED_WORKERS } from "../../suites/differences.ts";
import { reasonHere } from "../../suites/skips.ts";
import probe from "../payloads/worker-reach.js?raw";
import { openCanary, openUdpCanary } from "../setup/canary.ts";
import {
  framePolicy,
  frameScript,
  openFrameWith,
  openNetworkPolicy,
  workerScript,
} from "../setup/frame-with.ts";
import { hostileSource, openHostileTarget } from "../setup/hostile-worker.ts";
import { type PlantedSecrets, plantSecrets } from "../setup/planted-secrets.ts";
import { endOf } from "../setup/target.ts";
import { canaryHits, controlSuite } from "./control-suite.ts";
import { FRAME_CUTS, openFrameWithout } from "./switch-off.ts";

let planted: PlantedSecrets;
beforeAll(async () => {
  planted = await plantSecrets();
});
afterAll(() => planted[Symbol.asyncDispose]());

interface Reach {
  readonly report: Readonly<Record<string, unknown>>;
  /** What arrived at the listener. */
  readonly hits: string | undefined;
}

/** Times that a probe may hang where starting workers may. */
const MOST_TRIES = reasonHere(NESTED_WORKERS) === undefined ? 1 : 4;

/** What the probe reaches from a worker of this frame; nothing when the frame refuses to start. */
async function reachFrom(frame?: SandboxFrame): Promise<Reach | undefined> {
  try {
    await using target = await openHostileTarget(frame);
    const canary = openCanary();
    const names = `const HTTP = ${JSON.stringify(canary.http)}, WS = ${JSON.stringify(canary.ws)}, PLANTED = ${JSON.stringify(planted.name)};`;
    target.attack(hostileSource("done(await reach());", undefined, `${names}\n${probe}\n`));
    const run = () => target.run("0", { maxTokens: 100_000 });
    let result = await run();
    for (let tries = 1; tries < MOST_TRIES && endOf(result) === "stopped/timeout 408"; tries += 1)
      result = await run();
    if (result.status !== "returned" || !isJsonObject(result.value)) throw new Error(endOf(result));
    return { report: result.value, hits: await canaryHits(canary) };
  } catch (error) {
    if (frame !== undefined && findOptimizerError(error)?.kind === "sandbox_unavailable") return undefined;
    throw error;
  }
}

const network = async (frame?: SandboxFrame): Promise<string | undefined> => (await reachFrom(frame))?.hits;

const codeFromText = async (frame?: SandboxFrame): Promise<string | undefined> => {
  const { report = {} } = (await reachFrom(frame)) ?? {};
  return ["eval", "function", "timeout-text"].filter((name) => report[name] === "42").join(", ") || undefined;
};

/** The page's storage, from a worker of a frame with this sandbox attribute. */
async function storage(sandbox: string): Promise<string | undefined> {
  const names = `const HTTP = "", WS = "", PLANTED = ${JSON.stringify(planted.name)};`;
  await using frame = await openFrameWith(
    workerScript(`${names}\n${probe}\n; reach().then((report) => postMessage(report));`),
    sandbox,
    framePolicy,
  );
  const report = Object.entries((await frame.said) as Readonly<Record<string, string>>);
  if (report.length < 10) throw new Error("The probe did not run.");
  const read = report.filter(([, value]) => value.includes(planted.secret)).map(([name]) => name);
  return read.join(", ") || undefined;
}

/** Whether our own frame starts workers where it has the page's origin. */
async function ownFrameWithOrigin(): Promise<string | undefined> {
  await using frame = await openFrameWith(frameScript, "allow-scripts allow-same-origin", framePolicy);
  const said = await frame.said;
  return isJsonObject(said) && typeof said["problem"] === "string" ? undefined : "it starts workers";
}

const SEND_DATAGRAM = (port: number): string =>
  `const pc = new RTCPeerConnection({ iceServers: [{ urls: "stun:127.0.0.1:${port}" }] }); pc.createDataChannel("x"); await pc.setLocalDescription(await pc.createOffer()); await new Promise((r) => setTimeout(r, 500));`;

controlSuite("the frame", [
  {
    control: "the frame's policy",
    attack: "the network",
    covers: ["PUB-NET-03", "PUB-NET-04", "PUB-NET-08"],
    withAll: () => network(),
    without: async () => network(await openFrameWithout("")),
    behind: {
      wall: "the frame's look at its own walls, which refuses to start",
      withoutBoth: async () => network(await openFrameWithout("", FRAME_CUTS.look)),
    },
  },
  {
    control: "connect-src 'none'",
    attack: "the network",
    covers: ["PUB-NET-03"],
    withAll: () => network(),
    without: async () => network(await openFrameWithout(framePolicy.replace(" connect-src 'none';", ""))),
    behind: {
      wall: "default-src 'none'",
      withoutBoth: async () => network(await openFrameWithout(openNetworkPolicy)),
    },
  },
  {
    control: "script-src without 'unsafe-eval'",
    attack: "code from text",
    covers: ["PUB-ESC-05"],
    withAll: () => codeFromText(),
    without: async () =>
      codeFromText(await openFrameWithout(framePolicy.replace("'wasm-unsafe-eval'", "'unsafe-eval'"))),
    behind: {
      wall: "the frame's look at its own walls, which refuses to start",
      withoutBoth: async () =>
        codeFromText(
          await openFrameWithout(framePolicy.replace("'wasm-unsafe-eval'", "'unsafe-eval'"), FRAME_CUTS.look),
        ),
    },
  },
  {
    control: "the opaque origin",
    attack: "the page's storage",
    covers: ["PUB-STO-01", "PUB-STO-03", "PUB-STO-04"],
    withAll: () => storage("allow-scripts"),
    without: ownFrameWithOrigin,
    behind: {
      wall: "the frame's look at its own walls, which refuses to start",
      withoutBoth: () => storage("allow-scripts allow-same-origin"),
    },
  },
  {
    control: "programs run in workers, never in a document",
    attack: "datagrams by WebRTC, under our policy",
    covers: ["PUB-NET-06"],
    withAll: async () => {
      await using target = await openHostileTarget();
      const udp = await openUdpCanary();
      target.attack(
        hostileSource(`try { ${SEND_DATAGRAM(udp.port)} done("sent") } catch (error) { done(error.name) }`),
      );
      const result = await target.run("0");
      if (result.status !== "returned") throw new Error(endOf(result));
      return (await udp.count(false)) > 0 || result.value === "sent" ? "a datagram" : undefined;
    },
    without: async () => {
      const udp = await openUdpCanary();
      const script = `(async () => { ${SEND_DATAGRAM(udp.port)} parent.postMessage("sent", "*") })()`;
      await using frame = await openFrameWith(script, "allow-scripts", framePolicy);
      await frame.said;
      return (await udp.count(true)) > 0 ? "a datagram" : undefined;
    },
  },
]);
