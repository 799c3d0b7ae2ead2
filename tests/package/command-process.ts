import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { expect } from "vitest";

/** The command line as it was built. */
export const CLI = path.resolve(import.meta.dirname, "../../dist/cli.js");

/** Other suites may have the machine. */
export const PATIENT = { timeout: 60_000 };

export interface CommandProcessOptions {
  /** Where it starts, and keeps its tokens. */
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Of Node. */
  readonly options?: readonly string[];
}

export interface EndedCommand {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface StartedCommand {
  readonly child: ChildProcessWithoutNullStreams;
  /** What it has said by now. */
  readonly printed: Readonly<Record<"out" | "err", string>>;
  readonly ended: Promise<EndedCommand>;
}

export function startCommand(
  args: readonly string[],
  { folder, env = {}, options = [] }: CommandProcessOptions,
): StartedCommand {
  const child = spawn(process.execPath, [...options, CLI, ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"], XDG_CONFIG_HOME: path.join(folder, "config"), ...env },
  });
  const printed = { out: "", err: "" };
  child.stdout.on("data", (chunk) => {
    printed.out += String(chunk);
  });
  child.stderr.on("data", (chunk) => {
    printed.err += String(chunk);
  });
  const ended = once(child, "close").then(([code]): EndedCommand => ({ code, ...printed }));
  return { child, printed, ended };
}

/** Resolves when the host listens. */
export async function serveCommand(
  args: readonly string[],
  options: CommandProcessOptions,
): Promise<StartedCommand & { readonly url: string }> {
  const { child, printed, ended } = startCommand(["serve", ...args], options);
  await expect.poll(() => printed.out, PATIENT).toMatch(/\n(?:This token is|Tokens: )|run in/);
  const url = /listens on (\S+)\n/.exec(printed.out)?.[1] ?? "";
  return { child, printed, ended, url };
}

export function postRun(url: string, token: string, code: string): Promise<Response> {
  return fetch(`${url}/v1/runs`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ code }),
  });
}
