import type { CheckCommand } from "../../protocol/check-protocol.ts";
import type { CountCommand } from "../../protocol/count-protocol.ts";
import type { Envelope, RuntimeCommand } from "../../protocol/guest-protocol.ts";
import type { ParseCommand } from "../../protocol/prepared-program.ts";

export type FrameCommand = RuntimeCommand | CountCommand | ParseCommand | CheckCommand;

/** What the page sends to a worker. */
export type FrameEnvelope = Envelope<FrameCommand>;

/** A file that was checked, as it was shipped. */
export interface PackedFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly gzipped: boolean;
}

/** A WebAssembly module on its way to the frame. */
export interface PackedModule extends PackedFile {
  /** The module's memory is made not to grow past this. Absent: as the module says. WebAssembly pages. */
  readonly maxPages?: number;
}

/** What one kind of worker needs. */
export interface RuntimeAssets {
  readonly source: string;
  /** Compiled once, shared by all workers. */
  readonly modules: Readonly<Record<string, PackedModule>>;
  /** Handed to each worker as a copy of its own. */
  readonly files: Readonly<Record<string, PackedFile>>;
}

/** What the page may ask of the frame. Only the page holds the port to it; no worker does. */
export interface FrameControl {
  /** Keeps a runtime's script and compiles its modules, once for all its workers. */
  load(kind: string, assets: RuntimeAssets): Promise<void>;
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

/** What the keeper asks of the frame's document, where it had better start no workers itself. */
export type DocumentRequest =
  /** Starts a worker, which gets the message's port. */
  { readonly start: number; readonly url: string } | { readonly end: number };

/** A worker that the document started failed: its script did not load, or threw what nobody caught. */
export interface DocumentNotice {
  readonly failed: number;
}
