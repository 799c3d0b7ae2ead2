// @ts-check
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { npm, run } from "./process.mjs";
import { SetupError } from "./setup-error.mjs";

/** @typedef {import("./prepare.mjs").Context} Context */

/** Vitest and Vite ask for this much. */
const MINIMUM_NODE = [22, 15];
const INSTALL_TIMEOUT_MS = 15 * 60_000;

/**
 * Installs what the lock file says, when it is not there.
 * @param {Context} context
 */
export async function ensureDependencies({ root, log, signal }) {
  const reason = findInstallReason(root);
  if (reason === undefined) return;
  log(`installing dependencies (npm ci): ${reason}`);
  const started = Date.now();
  const { command, args } = npm();
  // A production NODE_ENV or `omit` of the user must not leave the tools out.
  const flags = ["--include=dev", "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"];
  const options = { cwd: root, timeoutMs: INSTALL_TIMEOUT_MS, signal };
  let result = await run(command, [...args, "ci", ...flags], options);
  if (result.code !== 0 && /\bEUSAGE\b/.test(result.output)) {
    log("this npm reads the lock file differently; installing with npm install --no-save");
    result = await run(command, [...args, "install", "--no-save", ...flags], options);
  }
  signal?.throwIfAborted();
  if (result.code !== 0) {
    throw new SetupError(`npm could not install the dependencies (${result.end}).`, {
      hint: "see npm's message above; check the network and the registry (npm config get registry), then run the command again.",
      output: result.output,
    });
  }
  log(`dependencies installed in ${Math.round((Date.now() - started) / 1000)} s`);
}

/**
 * Why an install is needed, or undefined. Compares what is installed with the lock file, entry by entry:
 * times of files say nothing after a checkout.
 * @param {string} root
 * @returns {string | undefined}
 */
export function findInstallReason(root) {
  const installedFile = path.join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installedFile)) return "node_modules is missing";
  const wanted = readPackages(path.join(root, "package-lock.json"));
  const installed = readPackages(installedFile);
  for (const [place, { version, optional }] of Object.entries(wanted)) {
    if (place === "") continue;
    const there = installed[place];
    // A package of another platform is never there.
    if (there === undefined && optional === true) continue;
    if (there?.version !== version) return `${place} is not the lock file's ${version}`;
  }
  return undefined;
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean }>}
 */
function readPackages(file) {
  return JSON.parse(readFileSync(file, "utf8")).packages;
}

/**
 * A Node that is new enough: the one of the `node` package, else the one that runs us.
 *
 * The package fetches its binary in an install script. npm may be told not to run such scripts, so the same
 * script is run here when the binary is not there.
 *
 * @param {Context} context
 * @returns {Promise<string>}
 */
export async function ensureNode(context) {
  const { root, log, signal } = context;
  const folder = path.join(root, "node_modules", "node");
  const own = path.join(folder, "bin", process.platform === "win32" ? "node.exe" : "node");
  if (!(await isRecentNode(own, context)) && existsSync(folder)) {
    log("fetching Node (the install script of the node package)");
    const options = { timeoutMs: INSTALL_TIMEOUT_MS, signal };
    const { command, args } = npm();
    await run(process.execPath, ["installArchSpecificPackage.js"], { ...options, cwd: folder });
    await run(command, [...args, "rebuild", "node", "--ignore-scripts"], { ...options, cwd: root });
  }
  signal?.throwIfAborted();
  if (await isRecentNode(own, context)) return own;
  if (await isRecentNode(process.execPath, context)) return process.execPath;
  const wanted = MINIMUM_NODE.join(".");
  throw new SetupError(
    `There is no Node ${wanted} or newer: the node package brought none, this is ${process.version}.`,
    {
      hint: `run "npm install-scripts approve node && npm ci", or install Node ${wanted} or newer yourself.`,
    },
  );
}

/**
 * @param {string} node
 * @param {Context} context
 */
async function isRecentNode(node, { signal }) {
  if (!existsSync(node)) return false;
  const { code, output } = await run(node, ["--version"], { timeoutMs: 20_000, signal });
  return code === 0 && isRecentVersion(output.trim());
}

/**
 * @param {string} version As `node --version` prints it.
 * @returns {boolean}
 */
export function isRecentVersion(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = MINIMUM_NODE;
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
