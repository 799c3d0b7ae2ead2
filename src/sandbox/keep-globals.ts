// What crosses here: what a runtime says after its guest has ended. It may lie, be silent or never stop: the
// run has its outcome by then, and all it can lose is what the guest's globals were.

import { messageOf } from "../base/errors.ts";
import type { GuestPort, RuntimeMessage } from "../protocol/guest-protocol.ts";
import { findTrouble, type GlobalsCommand, type KeptGlobals, sealGlobals } from "../protocol/kept-globals.ts";
import { parseRuntimeMessage } from "../protocol/parse-runtime-message.ts";
import { engineOf } from "./freezer.ts";
import type { GuestChannel } from "./guest-run.ts";
import type { Limits } from "./limits.ts";
import type { RunOutcome, SandboxRunOptions } from "./sandbox.ts";
import { decodeSnapshot } from "./snapshot-bytes.ts";

/** Whose globals they are. */
type Owner = Pick<KeptGlobals, "engine" | "session">;

export interface GlobalsPlace {
  readonly channel: GuestChannel;
  /** Number of the run on that channel. */
  readonly run: string;
  readonly session: string;
  /** Digests of all that a snapshot depends on. */
  readonly keptBy: readonly string[];
  readonly limits: Pick<Limits, "maxMessageBytes">;
  readonly port: Pick<GuestPort, "log">;
}

/** Runs a program with the globals of the one before, and takes those that it leaves. */
export async function runWithGlobals(
  { before }: NonNullable<SandboxRunOptions["globals"]>,
  { channel, run, session, keptBy, limits, port }: GlobalsPlace,
  drive: (globals: GlobalsCommand) => Promise<RunOutcome>,
): Promise<RunOutcome> {
  const owner = { engine: await engineOf(keptBy), session };
  const outcome = await drive(await openGlobals(before, owner, port));
  return withGlobals(outcome, channel, run, owner, limits, port);
}

/** How long a runtime may take to hand the globals over. Milliseconds. */
const KEEP_MS = 10_000;

/** What the runtime is told. What can't be used is left out, and the run says so. */
async function openGlobals(
  before: KeptGlobals | undefined,
  owner: Owner,
  port: Pick<GuestPort, "log">,
): Promise<GlobalsCommand> {
  if (before === undefined) return {};
  const trouble = await findTrouble(before, owner);
  if (trouble === undefined) return { snapshot: before.snapshot };
  port.log([{ level: "warn", text: `The program begins without the session's globals: ${trouble}.` }]);
  return {};
}

/** The outcome, with the globals that the program left when it ended by itself. Kills the channel at the first doubt. */
async function withGlobals(
  outcome: RunOutcome,
  channel: GuestChannel,
  run: string,
  owner: Owner,
  { maxMessageBytes }: Pick<Limits, "maxMessageBytes">,
  port: Pick<GuestPort, "log">,
): Promise<RunOutcome> {
  if (outcome.status !== "returned" && outcome.status !== "threw") return outcome;
  try {
    const snapshot = await takeSnapshot(channel, run, maxMessageBytes);
    return { ...outcome, globals: await sealGlobals({ ...owner, snapshot }) };
  } catch (error) {
    const text = `The session's globals stay as they were before this program: ${messageOf(error)}.`;
    port.log([{ level: "warn", text }]);
    return outcome;
  }
}

function takeSnapshot(
  channel: GuestChannel,
  run: string,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => doubt(`no answer within ${KEEP_MS} ms`), KEEP_MS);
    const end = (): void => {
      clearTimeout(timer);
      channel.unlisten();
    };
    const doubt = (problem: string): void => {
      end();
      channel.kill();
      reject(new Error(problem));
    };
    channel.listen((data) => {
      const message = readMessage(data);
      if (message?.type === "unfrozen" && message.run === run) {
        end();
        return reject(new Error(REASONS[message.reason]));
      }
      const snapshot =
        message?.type === "frozen" && message.run === run && message.open.length === 0
          ? decodeSnapshot(message.snapshot, maxBytes)
          : undefined;
      if (snapshot === undefined) return doubt("the runtime sent something else");
      end();
      resolve(snapshot);
    }, doubt);
    channel.send({ type: "freeze", run });
  });
}

const REASONS = {
  busy: "the runtime could not take them",
  calls: "the runtime could not take them",
  size: "they are too large to be kept",
} as const;

function readMessage(data: unknown): RuntimeMessage | undefined {
  try {
    return parseRuntimeMessage(data);
  } catch {
    return undefined;
  }
}
