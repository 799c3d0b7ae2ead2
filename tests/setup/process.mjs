// @ts-check
import { spawn } from "node:child_process";

const GRACE_MS = 5_000;

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env]
 * @property {number} timeoutMs
 * @property {"inherit" | "capture"} [output] `capture` is the default.
 * @property {AbortSignal | undefined} [signal] Ends the program early.
 *
 * @typedef {object} RunResult
 * @property {number} code 0 when the program said so; 1 when it was ended or could not start.
 * @property {string} output What it printed, when captured.
 * @property {"exited" | "timeout" | "aborted" | "unstartable"} end
 */

/**
 * Runs one program without a terminal's input, to its end or to the time limit.
 *
 * The program leads its own process group, and exactly this group is ended: first politely, so that a
 * test runner can close its browsers, then by force.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} options
 * @returns {Promise<RunResult>}
 */
export function run(command, args, { cwd, env = process.env, timeoutMs, output = "capture", signal }) {
  if (signal?.aborted) return Promise.resolve({ code: 1, output: "", end: "aborted" });
  return new Promise((resolve) => {
    const windows = process.platform === "win32";
    const stream = output === "inherit" ? "inherit" : "pipe";
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ["ignore", stream, stream],
      detached: !windows,
      shell: windows && command.endsWith(".cmd"),
    });
    /** @type {Buffer[]} */
    const printed = [];
    child.stdout?.on("data", (chunk) => printed.push(chunk));
    child.stderr?.on("data", (chunk) => printed.push(chunk));

    /** @type {RunResult["end"]} */
    let end = "exited";
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let force;
    /** @param {RunResult["end"]} why */
    const stop = (why) => {
      if (end !== "exited") return;
      end = why;
      endGroup(child, "SIGTERM");
      force = setTimeout(() => endGroup(child, "SIGKILL"), GRACE_MS);
    };
    const onAbort = () => stop("aborted");
    const limit = setTimeout(() => stop("timeout"), timeoutMs);
    signal?.addEventListener("abort", onAbort, { once: true });

    /** @param {number} code */
    const finish = (code) => {
      clearTimeout(limit);
      clearTimeout(force);
      signal?.removeEventListener("abort", onAbort);
      if (end !== "exited") endGroup(child, "SIGKILL");
      resolve({ code, output: Buffer.concat(printed).toString("utf8"), end });
    };
    child.once("error", (error) => {
      printed.push(Buffer.from(error.message));
      end = "unstartable";
      finish(1);
    });
    child.once("close", (code) => finish(end === "exited" ? (code ?? 1) : 1));
  });
}

/**
 * Ends a child and everything in its process group; one that is gone is no error.
 * @param {import("node:child_process").ChildProcess} child
 * @param {"SIGTERM" | "SIGKILL"} signal
 */
export function endGroup(child, signal) {
  if (child.pid === undefined) return;
  if (process.platform === "win32") {
    if (child.exitCode === null)
      spawn("taskkill", ["/pid", String(child.pid), "/t", "/f"], { stdio: "ignore" });
    return;
  }
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group ended by itself.
  }
}

/**
 * How to start npm: the one that runs us, else the one on the PATH.
 * @returns {{ command: string, args: readonly string[] }}
 */
export function npm() {
  const own = process.env["npm_execpath"];
  if (own?.endsWith("npm-cli.js")) return { command: process.execPath, args: [own] };
  return { command: process.platform === "win32" ? "npm.cmd" : "npm", args: [] };
}
