import { decodeBase64 } from "../base/base64.ts";

/** The bytes of a snapshot. `undefined` for what is no base64, and for more than a message may hold. */
export function decodeSnapshot(base64: string, maxBytes: number): Uint8Array<ArrayBuffer> | undefined {
  try {
    const snapshot = decodeBase64(base64);
    return snapshot.length <= maxBytes ? snapshot : undefined;
  } catch {
    return undefined;
  }
}
