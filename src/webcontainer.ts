export { type WebContainerOptions, webcontainer } from "./sandbox/browser/webcontainer.ts";
