// @ts-check
/**
 * Makes a fresh clone ready: dependencies, Node, a browser. Runs on the system's Node (20 or newer) before
 * anything is installed, so it uses nothing but Node. Each step that does something says so in one line.
 */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ensureBrowser, ensureFirefox, ensureWebkit } from "./browser.mjs";
import { ensureDependencies, ensureNode } from "./dependencies.mjs";
import { ensurePrometheus } from "./prometheus.mjs";
import { ensureRedis } from "./redis.mjs";
import { SetupError } from "./setup-error.mjs";

export const projectRoot = fileURLToPath(new URL("../..", import.meta.url));

/**
 * @typedef {object} Context
 * @property {string} root
 * @property {(line: string) => void} log
 * @property {AbortSignal | undefined} signal
 *
 * @typedef {object} Prepared
 * @property {string} node Path of a Node that is new enough.
 * @property {string | undefined} browser Path of Chrome or Chromium, when it was asked for.
 * @property {string | undefined} firefox Path of Firefox, when it was asked for and is to be had.
 * @property {string | undefined} webkit Path of WebKit's driver, when it was asked for and is to be had.
 * @property {NodeJS.ProcessEnv} env Environment for children: this Node first on the PATH, and the browsers that
 *   were asked for: `MCP_OPTIMIZER_BROWSER`, `MCP_OPTIMIZER_FIREFOX`, `MCP_OPTIMIZER_WEBKIT`.
 */

/**
 * @param {{ browser: boolean, firefox?: boolean, webkit?: boolean, redis?: boolean, prometheus?: boolean, signal?: AbortSignal }} options
 * @returns {Promise<Prepared>}
 */
export async function prepare({
  browser,
  firefox = false,
  webkit = false,
  redis = false,
  prometheus = false,
  signal,
}) {
  const context = {
    root: projectRoot,
    log: (/** @type {string} */ line) => console.log(`[setup] ${line}`),
    signal,
  };
  await ensureDependencies(context);
  const node = await ensureNode(context);
  const found = browser ? await ensureBrowser(context, node) : undefined;
  const foundFirefox = firefox ? await ensureFirefox(context) : undefined;
  const foundWebkit = webkit ? await ensureWebkit(context) : undefined;
  if (redis) await ensureRedis(context);
  if (prometheus) await ensurePrometheus(context);
  return {
    node,
    browser: found,
    firefox: foundFirefox,
    webkit: foundWebkit,
    env: {
      ...process.env,
      ...pathWith(path.dirname(node)),
      ...(found === undefined ? {} : { MCP_OPTIMIZER_BROWSER: found }),
      ...(foundFirefox === undefined ? {} : { MCP_OPTIMIZER_FIREFOX: foundFirefox }),
      ...(foundWebkit === undefined ? {} : { MCP_OPTIMIZER_WEBKIT: foundWebkit }),
    },
  };
}

/**
 * Runs a command of ours and ends the process: with its exit code, or with what to do about a failed set-up.
 * @param {(signal: AbortSignal) => Promise<number>} command Its signal aborts when the process is asked to end: what it
 *   started is to end first.
 */
export async function runAsCommand(command) {
  const interrupted = new AbortController();
  for (const name of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.on(name, () => interrupted.abort());
  }
  try {
    process.exitCode = await command(interrupted.signal);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") {
      console.error("[setup] interrupted");
      process.exitCode = 130;
      return;
    }
    if (!(error instanceof SetupError)) throw error;
    if (error.output !== "") console.error(error.output.trimEnd());
    console.error(`[setup] FAILED: ${error.message}\n[setup] What to do: ${error.hint}`);
    process.exitCode = 1;
  }
}

/**
 * The PATH variable, under the name it has here (`Path` on Windows), with one folder in front.
 * @param {string} folder
 */
function pathWith(folder) {
  const name = Object.keys(process.env).find((key) => key.toUpperCase() === "PATH") ?? "PATH";
  return { [name]: [folder, process.env[name]].filter(Boolean).join(path.delimiter) };
}
