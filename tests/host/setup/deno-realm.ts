import { spawn } from "node:child_process";
import { once } from "node:events";
import { type Command, denoCommand, findDeno } from "../../../src/host/sandbox/deno.ts";
import { PLACE_LIMITS, type PlaceLimits } from "../../../src/host/sandbox/host-sandbox.ts";
import { type SandboxProcess, startChild } from "../../../src/host/sandbox/sandbox-process.ts";
import { packParts } from "../../../src/host/sandbox/wasm-parts.ts";
import keeper from "../../../src/runtimes/deno-keeper.ts?script";

/** Deno, which the package's own dependencies bring. */
export function requireDeno(): string {
  const deno = findDeno();
  if (deno === undefined) throw new Error("The npm package deno is not installed.");
  return deno;
}

/** A process as `wasm()` starts it, in which this script stands where the engine's worker would: a guest that broke out. */
export function startRealm(script: string, limits: Partial<PlaceLimits> = {}): SandboxProcess {
  const { file, args, env, cwd } = realmCommand();
  return startChild(file, args, { env, cwd, input: realmInput(script, limits) });
}

export function realmCommand(): Command {
  return denoCommand(requireDeno(), keeper, PLACE_LIMITS.memoryBytes / 2);
}

export function realmInput(script: string, limits: Partial<PlaceLimits> = {}): readonly Uint8Array[] {
  const parts = { script: new TextEncoder().encode(script), modules: {}, files: {}, warmUp: [] };
  return packParts(parts, { ...PLACE_LIMITS, ...limits });
}

/** A worker that says that it is ready, and does this when it is to run a program, whose run is `run`. */
export function hostileWorker(body: string): string {
  return `
    const post = (message) => self.postMessage(JSON.stringify(message));
    self.onmessage = async ({ data }) => {
      if (data.type === "boot") return post({ type: "ready" });
      if (data.command?.type !== "run") return;
      const { run } = data.command;
      ${body}
    };`;
}

/** What a command writes until it ends. */
export async function outputOf({ file, args, env, cwd }: Command): Promise<string> {
  const child = spawn(file, args, { env, cwd, stdio: ["ignore", "pipe", "ignore"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    output += piece;
  });
  await once(child, "close");
  return output.trim();
}
