import "./base/dispose-symbols.ts";

export type { RemoteBroker } from "./protocol/remote-frames.ts";
export { type RemoteOptions, remote } from "./sandbox/browser/remote.ts";
