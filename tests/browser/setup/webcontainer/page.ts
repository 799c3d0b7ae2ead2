import { configureAPIKey, WebContainer } from "@webcontainer/api";
import { inject } from "vitest";
import type { ServiceMode } from "./service.ts";

const service = inject("containerService");

declare global {
  /** Where the API finds its service. It is read at the first boot of a page. */
  var WEBCONTAINER_API_IFRAME_URL: string | undefined;
}

/** Directs the API of this page to our service. */
export function useContainerService(): void {
  globalThis.WEBCONTAINER_API_IFRAME_URL = service;
}

/** A container of this page, for several sandboxes. `client` is its licence key. */
export async function bootContainer(client: string): Promise<WebContainer> {
  useContainerService();
  configureAPIKey(client);
  return WebContainer.boot({ coep: "none" });
}

/** How the service treats the pages of a licence key from now on. */
export async function setMode(client: string, mode: ServiceMode): Promise<void> {
  await fetch(`${service}/mode?client=${client}&mode=${mode}`, { method: "POST" });
}

/** Numbers of the processes that live in the containers of a licence key. */
export async function findProcesses(client: string): Promise<readonly number[]> {
  const { value } = await (await fetch(`${service}/processes?client=${client}`)).json();
  return value;
}
