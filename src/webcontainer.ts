import "./base/dispose-symbols.ts";

export { type WebContainerOptions, webcontainer } from "./sandbox/browser/webcontainer.ts";
