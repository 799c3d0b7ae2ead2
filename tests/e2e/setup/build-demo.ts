import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { build } from "vite";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** Folder of the built demo page. */
    readonly demoFolder: string;
  }
}

/** Builds the demo page once for all files. Returns what removes it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const root = path.resolve(import.meta.dirname, "../../..");
  const configFile = path.join(root, "vite.config.ts");
  const outDir = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-demo-"));
  await build({ root, configFile, mode: "demo", logLevel: "error", build: { outDir } });
  project.provide("demoFolder", outDir);
  return () => rm(outDir, { recursive: true, force: true });
}
