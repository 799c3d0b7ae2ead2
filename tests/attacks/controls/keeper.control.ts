// What the keeper in the frame lets through. The attacker's worker speaks our protocol against its rules.

import type { SandboxFrame } from "../../../src/sandbox/browser/frame.ts";
import type { Limits } from "../../../src/sandbox/limits.ts";
import { framePolicy } from "../setup/frame-with.ts";
import { hostileSource, openHostileTarget } from "../setup/hostile-worker.ts";
import { LOADED_MACHINE_MS } from "../setup/page-watch.ts";
import { endOf, measure } from "../setup/target.ts";
import { controlSuite } from "./control-suite.ts";
import { FRAME_CUTS, openFrameWithout } from "./switch-off.ts";

const FLOOD = 50_000;

/** More messages than credits let through before the keeper ends their worker. */
const MANY = 5_000;

/** Messages faster than the page deals with them. */
async function flood(frame?: SandboxFrame): Promise<string | undefined> {
  await using target = await openHostileTarget(frame);
  target.attack(
    hostileSource(
      `for (let n = 0; n < ${FLOOD}; n += 1) turn({ logs: [{ level: "log", text: "" }] }); done(1);`,
    ),
  );
  const limits: Partial<Limits> = { timeoutMs: 30_000, maxOutputBytes: 64 * 1024 * 1024 };
  const result = await target.run("0", { limits });
  // A page that is flooded may end the run in another way: it does not hear its own frame any more.
  if (result.logs.length > MANY) return `more than ${MANY} messages that the page did not ask for`;
  if (endOf(result) !== "stopped/security 403") throw new Error(endOf(result));
  return undefined;
}

/**
 * Entries in one message: so many that a page needs more than a second for them, in Firefox and in Chromium. With half as
 * many again Firefox does not bring the message through the frame in the time after which that counts as dead.
 */
const ENTRIES = 2e6;

/** One message that holds its reader. */
async function large(frame?: SandboxFrame): Promise<string | undefined> {
  await using target = await openHostileTarget(frame);
  target.attack(
    hostileSource(
      'post(\'{"type":"turn","run":\' + JSON.stringify(run) + \',"idle":false,"calls":[],"logs":[\' + \'{"level":"log","text":""},\'.repeat(ENTRIES) + \'{"level":"log","text":""}]}\'); done(1);',
      undefined,
      `const ENTRIES = ${ENTRIES};`,
    ),
  );
  const { result, longestTaskMs } = await measure(target, "0", { limits: { timeoutMs: 60_000 } });
  if (result.status === "returned") throw new Error("The message did not arrive.");
  return longestTaskMs > LOADED_MACHINE_MS ? `the page for ${Math.round(longestTaskMs)} ms` : undefined;
}

controlSuite("the keeper", [
  {
    control: "credits",
    attack: "a flood of messages",
    covers: ["PUB-RPC-07"],
    withAll: () => flood(),
    without: async () => flood(await openFrameWithout(framePolicy, FRAME_CUTS.credits)),
  },
  {
    control: "the longest message",
    attack: "a message that holds the page",
    covers: ["PUB-RPC-07", "PUB-RPC-08"],
    withAll: () => large(),
    without: async () => large(await openFrameWithout(framePolicy, FRAME_CUTS.size)),
    behind: {
      wall: "the keeper, which reads large messages before the page does",
      withoutBoth: async () =>
        large(await openFrameWithout(framePolicy, FRAME_CUTS.size, FRAME_CUTS.rewriting)),
    },
  },
]);
