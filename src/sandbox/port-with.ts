import type { GuestPort } from "../protocol/guest-protocol.ts";

/** The same port with some of its functions replaced. */
export function portWith(port: GuestPort, replaced: Partial<Omit<GuestPort, "namespaces">>): GuestPort {
  return {
    namespaces: port.namespaces,
    log: (entries) => port.log(entries),
    notice: (notice) => port.notice(notice),
    call: (call, signal) => port.call(call, signal),
    ...replaced,
  };
}
