// What crosses here: a host's word about calls that it answers by itself. The host may lie about all of it: what it says
// becomes an event, and never a call of the page.

import type { GuestPort, GuestReply } from "../../protocol/guest-protocol.ts";
import { HOST_OPERATIONS, type HostFrame } from "../../protocol/remote-frames.ts";
import { portWith } from "../port-with.ts";

/** What a page says to the runtime of a call that the host has answered: nobody reads it. */
const ANSWERED: GuestReply = { ok: true, json: "null" };

/** The calls of one program that the host answers. The page counts them and keeps their time, and asks nobody. */
export class HostCalls {
  readonly #open = new Map<number, () => void>();
  readonly #notice: GuestPort["notice"];
  /** Answers what is left: all but tools. */
  readonly port: GuestPort;

  constructor(port: GuestPort) {
    this.#notice = (notice) => port.notice(notice);
    this.port = portWith(port, {
      call: (call, signal) => {
        if (!HOST_OPERATIONS.has(call.operation)) return port.call(call, signal);
        return new Promise((resolve) => this.#open.set(call.id, () => resolve(ANSWERED)));
      },
    });
  }

  /** Takes the host's word that it has answered. `false` for a call that does not wait for that. */
  answered({ call, tool }: Extract<HostFrame, { readonly type: "answered" }>): boolean {
    const resolve = this.#open.get(call);
    if (resolve === undefined) return false;
    this.#open.delete(call);
    if (tool !== undefined) this.#notice({ type: "host_call", call, ...tool });
    resolve();
    return true;
  }
}
