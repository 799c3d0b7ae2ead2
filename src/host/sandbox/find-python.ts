import { spawnSync } from "node:child_process";
import { findExecutable } from "./find-executable.ts";

/** The oldest that our runner runs in. */
const OLDEST = [3, 11] as const;

const NAMES = ["python3", "python3.14", "python3.13", "python3.12", "python3.11"];

/** Where systems have their own Python. Others belong to somebody's home, which a sandbox does not show. */
const SYSTEM_FOLDERS = ["/usr/local/bin", "/usr/bin"].join(":");

const START_MS = 5_000;

/** The first Python of the system that starts and is new enough; `undefined` where there is none. */
export function findSystemPython(): string | undefined {
  return NAMES.flatMap((name) => findExecutable(name, SYSTEM_FOLDERS) ?? []).find(isNewEnough);
}

function isNewEnough(file: string): boolean {
  const version = `import sys; sys.exit(sys.version_info < (${OLDEST.join(", ")}))`;
  const options = { env: {}, stdio: "ignore", timeout: START_MS, killSignal: "SIGKILL" } as const;
  return spawnSync(file, ["-I", "-S", "-c", version], options).status === 0;
}
