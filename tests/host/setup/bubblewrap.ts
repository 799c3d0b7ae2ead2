import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** Why there is no bubblewrap on this machine; empty where there is. */
    readonly noBubblewrap: string;
  }
}

const INSTALL_TIMEOUT_MS = 5 * 60_000;

/** Installs bubblewrap where it can be: as root on Debian. Elsewhere the suites say why they are skipped. */
export function setup(project: TestProject): void {
  project.provide("noBubblewrap", findReason());
}

function findReason(): string {
  if (process.platform !== "linux") return "bubblewrap is for Linux";
  if (starts()) return "";
  if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) return "bubblewrap is not installed";
  const options = { stdio: "ignore", timeout: INSTALL_TIMEOUT_MS } as const;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  try {
    execFileSync("apt-get", ["update"], { ...options, env });
    execFileSync("apt-get", ["install", "-y", "--no-install-recommends", "bubblewrap"], { ...options, env });
  } catch {
    return "bubblewrap could not be installed";
  }
  return starts() ? "" : "the installed bubblewrap does not start";
}

function starts(): boolean {
  try {
    execFileSync("bwrap", ["--version"], { stdio: "ignore", timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}
