import type { TestProject } from "vitest/node";
import { startContainerService } from "./service.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Address of what stands in for the service behind @webcontainer/api. */
    readonly containerService: string;
  }
}

/** Starts the service, and gives its address to the pages. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const service = await startContainerService();
  project.provide("containerService", service.url);
  return () => service.close();
}
