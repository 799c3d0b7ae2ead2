// What crosses here: messages of other tabs and frames of the origin, which may run another version. They say
// that keys changed, and no more: values are read from the database.

import { parseChange } from "../backend-change.ts";
import type { BackendChange } from "../context-backend.ts";

/** Tells other tabs of the same origin which keys changed, and hears it from them. */
export class TabChannel {
  readonly #channel: BroadcastChannel;

  constructor(name: string, onChange: (change: BackendChange) => void) {
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      const change = parseChange(data);
      if (change !== undefined) onChange(change);
    };
  }

  tell({ written, deleted }: BackendChange): void {
    this.#channel.postMessage({ written, deleted });
  }

  close(): void {
    this.#channel.close();
  }
}
