import type { CountCommand } from "../../protocol/count-protocol.ts";
import type { Envelope, RuntimeCommand } from "../../protocol/guest-protocol.ts";

export type FrameCommand = RuntimeCommand | CountCommand;

/** What the page sends to a worker. */
export type FrameEnvelope = Envelope<FrameCommand>;

/** What the page may ask of the frame. Only the page holds the port to it; no worker does. */
export interface FrameControl {
  /** Keeps a runtime's script and compiles its modules, once for all its workers. */
  load(kind: string, source: string, binaries: Readonly<Record<string, ArrayBuffer>>): Promise<void>;
  /** Starts a worker of a loaded runtime and relays between it and the port. */
  spawn(kind: string, port: MessagePort): number;
  terminate(worker: number): void;
  ping(): true;
}

/** What the frame itself says on a worker's port; everything the worker says is text. */
export interface FrameNotice {
  readonly ended: "flood" | "crash";
  readonly message: string;
}
