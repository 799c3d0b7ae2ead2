// What crosses here: the memory of a VM as it was frozen, when it comes back. Its store may have changed it,
// and then it does to its own VM what a guest could do that broke out of the engine inside of its instance.
// So only sizes and the few facts for this side are looked at; whatever the VM then says passes the page's
// parser like every guest's words.

import { gunzip, gzip } from "../base/gzip.ts";
import { isJsonObject, parseJson } from "../base/json.ts";
import { openDifference, packDifference } from "../base/memory-difference.ts";
import type { GuestCall, RuntimeLimits } from "../protocol/guest-protocol.ts";
import { requireOperation } from "../protocol/parse-runtime-message.ts";
import type { OutboxState } from "./outbox.ts";
import type { GuestVm } from "./quickjs-vm.ts";

/** What this side of a run has to know beside the guest's memory. */
export interface FrozenFacts {
  readonly outbox: OutboxState;
  /** Numbers of timers are not used twice: the guest may have kept one. */
  readonly lastTimer: number;
}

/**
 * What the memory of an instance may take beyond the guest's own: the engine's share, rounded up by the page
 * (`FrameRuntime.engineBytes`, and the steps that it caps memories by).
 */
const ENGINE_ROOM_BYTES = 24 * 1024 * 1024;

/** Copies what of a VM's memory differs from that of an untouched VM of the same image. */
export function packVm(vm: GuestVm, untouched: GuestVm, facts: FrozenFacts): Uint8Array<ArrayBuffer> {
  const { memory, memoryBytes } = vm;
  const head = new TextEncoder().encode(JSON.stringify({ ...facts, memoryBytes }));
  const padded = new Uint8Array(Math.ceil(head.length / 4) * 4).fill(SPACE);
  padded.set(head);
  // The stack stands first and grows down: while no code runs, nothing below its pointer is alive, and what was
  // never used there need not be paged in to be compared.
  if (vm.stackPointer !== untouched.stackPointer) throw new Error("The VM is not at rest");
  return packDifference(padded, memory, untouched.memory, vm.stackPointer);
}

/** Ends JSON as well as nothing: a head is a multiple of four bytes. */
const SPACE = 32;

/** Compresses what {@link packVm} made. `undefined` when it is more than a run may store. */
export async function compressVm(
  file: Uint8Array<ArrayBuffer>,
  limits: RuntimeLimits,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  return file.length > unpackedBytes(limits) ? undefined : gzip(file, limits.maxMessageBytes);
}

/** A VM as it was frozen. */
export interface FrozenVm {
  readonly facts: FrozenFacts;
  /** Puts the guest's memory into an untouched VM of the same image. Throws where it has no place. */
  writeTo(untouched: GuestVm): void;
}

/**
 * Reads what {@link compressVm} made. `undefined` when it needs more memory than the limits give: a bomb is
 * not unpacked. Rejects for what is no frozen VM.
 */
export async function openFrozenVm(
  snapshot: Uint8Array<ArrayBuffer>,
  limits: RuntimeLimits,
): Promise<FrozenVm | undefined> {
  const file = await gunzip(snapshot, unpackedBytes(limits));
  if (file === undefined) return undefined;
  const { head, mixInto } = openDifference(file.buffer);
  const { memoryBytes, ...facts } = parseHead(new TextDecoder().decode(head));
  if (memoryBytes > limits.memoryBytes + ENGINE_ROOM_BYTES) return undefined;
  return {
    facts,
    writeTo(untouched) {
      untouched.grow(memoryBytes);
      mixInto(untouched.memory);
    },
  };
}

/** Pages of the memory with their numbers, and calls that wait beside it, which count as the guest's memory. */
function unpackedBytes({ memoryBytes }: RuntimeLimits): number {
  return 2 * memoryBytes + ENGINE_ROOM_BYTES;
}

function parseHead(json: string): FrozenFacts & { readonly memoryBytes: number } {
  const { memoryBytes, lastTimer, outbox } = record(parseJson(json));
  const { sent, waiting, callCount, outputBytes } = record(outbox);
  return {
    memoryBytes: count(memoryBytes),
    lastTimer: count(lastTimer),
    outbox: {
      sent: list(sent).map(count),
      waiting: list(waiting).map(parseCall),
      callCount: count(callCount),
      outputBytes: count(outputBytes),
    },
  };
}

function parseCall(value: unknown): GuestCall {
  const { id, operation, target, args } = record(value);
  return {
    id: count(id),
    operation: requireOperation(text(operation)),
    target: text(target),
    args: text(args),
  };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (!isJsonObject(value)) throw new Error("a head that is no object");
  return value;
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error("a head without a list");
  return value;
}

function count(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw new Error("a head without a count");
  return value;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new Error("a head without a text");
  return value;
}
