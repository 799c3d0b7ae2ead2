// What crosses here: what programs saw that tried to get past each wall of their own sandbox. They are ours, so
// they don't lie; where the host can see for itself whether somebody got through, it does.

import { type AddressInfo, createServer } from "node:net";
import { messageOf } from "../../base/errors.ts";
import { LIMITS, type Limits } from "../../sandbox/limits.ts";
import type { RunOutcome } from "../../sandbox/sandbox.ts";
import { PLACE_LIMITS, type PlaceLimits, type Wall, type WallCheck } from "./host-sandbox.ts";
import {
  connectTo,
  openFiles,
  startProcesses,
  type Target,
  takeMemory,
  takeProcessorTime,
  WRITE_TO_SYSTEM,
  writeBytes,
} from "./probe-programs.ts";

/** Runs JavaScript in a fresh sandbox with these limits. Rejects when the sandbox does not start. */
export type RunInPlace = (code: string, place: PlaceLimits) => Promise<RunOutcome>;

const MIB = 1024 * 1024;

/** Limits of the programs themselves: far, for the place's own are looked at, and a busy machine takes its time. */
export const PROBE_LIMITS: Pick<Limits, "timeoutMs" | "memoryBytes"> = {
  timeoutMs: 120_000,
  memoryBytes: LIMITS.memoryBytes.max,
};

/** Limits of a sandbox that is only probed: the same walls as those of programs, reached sooner. */
const PROBED: PlaceLimits = { ...PLACE_LIMITS, memoryBytes: 384 * MIB, diskBytes: 16 * MIB };

/** Processor time that is tried how it ends: little more than the start of a process takes, then on a busy machine. Seconds. */
const SHORT_CPU_SECONDS = [2, 8] as const;

/** Nobody answers at this address: it is for documentation. RFC 5737 */
const NOWHERE: Target = { host: "192.0.2.1", port: 9 };

/** The walls that don't hold and have to, as a reason; `undefined` where all of those hold. */
export function findMissingWalls(walls: readonly WallCheck[], accept: readonly Wall[]): string | undefined {
  const missing = walls.filter(({ wall, held }) => !held && !accept.includes(wall));
  if (missing.length === 0) return undefined;
  return `walls don't hold: ${missing.map((one) => `${one.wall} (${one.seen})`).join(", ")}`;
}

type Seen = Omit<WallCheck, "wall">;

/**
 * Tries every wall from within, each in a sandbox of its own. By what happened, not by the error that a program got:
 * a kernel in user space lets a call through that leads nowhere. A try that could not be made counts as a wall
 * that does not hold. Rejects when no sandbox starts.
 */
export async function probeWalls(run: RunInPlace): Promise<readonly WallCheck[]> {
  const short = await findShortPlace(run);
  const { diskBytes, processes, fileHandles, memoryBytes } = PROBED;
  const attempts: Readonly<Record<Wall, () => Promise<Seen>>> = {
    network: () => tryNetwork(run),
    readOnlyFs: () => tryReadOnlyFs(run),
    diskBytes: () => tryToExceed(run, writeBytes, diskBytes, "bytes written"),
    processes: () => tryToExceed(run, startProcesses, processes, "processes started"),
    fileHandles: () => tryToExceed(run, openFiles, fileHandles, "files opened"),
    memoryBytes: async () => judgeEnd(await run(takeMemory(memoryBytes * 2), PROBED)),
    cpuSeconds: async () => judgeEnd(await run(takeProcessorTime(short.cpuSeconds * 2), short)),
  };
  const attempt = async (wall: Wall): Promise<WallCheck> => {
    try {
      return { wall, ...(await attempts[wall]()) };
    } catch (error) {
      return { wall, held: false, seen: `it could not be tried: ${messageOf(error)}` };
    }
  };
  // The one that takes longest is under way while the others go on one by one, which leaves them the processor.
  const slowest = attempt("cpuSeconds");
  const checks: WallCheck[] = [];
  for (const wall of [
    "network",
    "readOnlyFs",
    "diskBytes",
    "processes",
    "fileHandles",
    "memoryBytes",
  ] as const) {
    checks.push(await attempt(wall));
  }
  return [...checks, await slowest];
}

/** The limits with the least processor time in which a program still runs. Rejects where none does: such a place would hold every wall. */
async function findShortPlace(run: RunInPlace): Promise<PlaceLimits> {
  let problem: unknown;
  for (const cpuSeconds of SHORT_CPU_SECONDS) {
    const place = { ...PROBED, cpuSeconds };
    try {
      const outcome = await run("1 + 1", place);
      if (returned(outcome) === 2) return place;
      problem = new Error(`1 + 1 ended otherwise: ${describe(outcome)}`);
    } catch (error) {
      problem = error;
    }
  }
  throw problem;
}

/** Tries to reach the host by its loopback address and by a name without an address, and the world. */
async function tryNetwork(run: RunInPlace): Promise<Seen> {
  let reached = 0;
  await using listening = new AsyncDisposableStack();
  const listen = async (at: Target): Promise<Target> => {
    const server = createServer((socket) => {
      reached += 1;
      socket.destroy();
    });
    listening.defer(() => new Promise((closed) => server.close(() => closed())));
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(at, resolve));
    return "path" in at ? at : { ...at, port: (server.address() as AddressInfo).port };
  };
  const targets = [await listen({ host: "127.0.0.1", port: 0 }), NOWHERE];
  // A name without a file is seen by all of one network namespace.
  if (process.platform === "linux") targets.push(await listen({ path: `\0${crypto.randomUUID()}` }));
  const outcome = await run(connectTo(targets), PROBED);
  const seen = returned(outcome);
  if (!Array.isArray(seen)) return { held: false, seen: describe(outcome) };
  const through = seen.some((what) => what === "connected" || what === "sent");
  return { held: reached === 0 && !through, seen: `connecting: ${seen.join(", ")}` };
}

async function tryReadOnlyFs(run: RunInPlace): Promise<Seen> {
  const outcome = await run(WRITE_TO_SYSTEM, PROBED);
  const written = returned(outcome);
  if (!Array.isArray(written)) return { held: false, seen: describe(outcome) };
  if (written.length === 0) return { held: true, seen: "nothing of the system could be written" };
  return { held: false, seen: `wrote to ${written.join(", ")}` };
}

/** A program takes one thing after the other, and says how many it got. */
async function tryToExceed(
  run: RunInPlace,
  program: (most: number) => string,
  limit: number,
  what: string,
): Promise<Seen> {
  const outcome = await run(program(limit * 2), PROBED);
  const total = returned(outcome);
  if (typeof total !== "number") return { held: false, seen: describe(outcome) };
  // Who got nothing at all did not try.
  return { held: total > 0 && total <= limit, seen: `${total} ${what}, ${limit} allowed` };
}

/** A program that takes twice what it may must be ended, or get an error. */
function judgeEnd(outcome: RunOutcome): Seen {
  const ended =
    outcome.status === "threw" ||
    (outcome.status === "stopped" && (outcome.reason === "crashed" || outcome.reason === "memory"));
  return { held: ended, seen: `taking twice what is allowed: ${describe(outcome)}` };
}

function returned(outcome: RunOutcome): unknown {
  return outcome.status === "returned" ? JSON.parse(outcome.json) : undefined;
}

function describe(outcome: RunOutcome): string {
  switch (outcome.status) {
    case "returned":
      return `the program returned ${outcome.json.slice(0, 100)}`;
    case "threw":
      return `${outcome.error.name}: ${outcome.error.message.slice(0, 200)}`;
    case "stopped":
      return outcome.message;
    case "suspended":
      return "the program was suspended";
    default:
      return outcome satisfies never;
  }
}
