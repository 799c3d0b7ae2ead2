// The messages about a guest that is frozen: what the page hands in and what a runtime answers.

/** Where a program that was frozen goes on. */
export interface Thaw {
  /** What the runtime made of it, as bytes. Only the runtime looks into them. */
  readonly snapshot: Uint8Array<ArrayBuffer>;
  /** What the guest had of its time. Milliseconds. */
  readonly usedMs: number;
}

/** A guest at rest, as it can go on later. */
export interface FrozenMessage {
  readonly type: "frozen";
  readonly run: string;
  /** Base64. */
  readonly snapshot: string;
  /** The calls without an answer in it. */
  readonly open: readonly number[];
  readonly peakMemoryBytes: number;
}

/** Why a runtime did not freeze its guest: it has something to do, other calls are open, or it is too large to keep. */
type Reason = "busy" | "calls" | "size";

export interface UnfrozenMessage {
  readonly type: "unfrozen";
  readonly run: string;
  readonly reason: Reason;
}

/** `undefined` for a name that is no reason. */
export function findReason(name: string): Reason | undefined {
  return name === "busy" || name === "calls" || name === "size" ? name : undefined;
}
