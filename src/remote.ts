import "./base/dispose-symbols.ts";

export { type RemoteOptions, remote } from "./sandbox/browser/remote.ts";
