// @ts-check
import { accessSync, constants, existsSync, statSync } from "node:fs";
import path from "node:path";
import { run } from "./process.mjs";
import { SetupError } from "./setup-error.mjs";

/** @typedef {import("./prepare.mjs").Context} Context */

/**
 * @typedef {object} Machine What the lookup reads of the machine.
 * @property {NodeJS.Platform} platform
 * @property {NodeJS.ProcessEnv} env
 * @property {readonly string[]} [locations] Well-known places; those of the platform by default.
 */

const NAMES = [
  "google-chrome",
  "google-chrome-stable",
  "chromium",
  "chromium-browser",
  "microsoft-edge",
  "msedge",
];
const DOWNLOAD_TIMEOUT_MS = 15 * 60_000;

/**
 * A browser that starts: an installed one, else one installed now.
 * @param {Context} context
 * @param {string} node Runs Playwright's installer.
 * @returns {Promise<string>}
 */
export async function ensureBrowser(context, node) {
  const { root, log, signal } = context;
  const machine = { platform: process.platform, env: process.env };
  const playwright = path.join(root, "node_modules", "playwright", "cli.js");
  const downloaded = () => findPlaywrightBrowser(context, node);
  const options = { cwd: root, timeoutMs: DOWNLOAD_TIMEOUT_MS, signal };

  let found = findInstalledBrowser(machine) ?? (await downloaded());
  if (found !== undefined && (await starts(found, context))) return found;

  signal?.throwIfAborted();
  let output = "";
  const apt = findApt(machine);
  if (apt !== undefined) {
    log("installing Chromium (apt-get install chromium)");
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const update = await run(apt, ["update"], { ...options, env });
    const install = await run(apt, ["install", "-y", "--no-install-recommends", "chromium"], {
      ...options,
      env,
    });
    output += update.output + install.output;
    // Ubuntu's package is a note about a snap: it installs, and does not start.
    found = findInstalledBrowser(machine);
    if (found !== undefined && (await starts(found, context))) return found;
  }

  signal?.throwIfAborted();
  log("downloading Chromium (playwright install chromium)");
  const download = await run(
    node,
    [playwright, "install", ...(apt === undefined ? [] : ["--with-deps"]), "chromium"],
    options,
  );
  output += download.output;
  found = await downloaded();
  if (found !== undefined && (await starts(found, context))) return found;
  signal?.throwIfAborted();
  throw new SetupError("There is no Chrome or Chromium that starts, and none could be installed.", {
    hint: "install Chrome or Chromium, or set CHROME_PATH to one, then run the command again.",
    output,
  });
}

/**
 * A Firefox that starts: an installed one, else on Debian one installed now. Undefined where none is to be had:
 * its suites are skipped then, and say so.
 * @param {Context} context
 * @returns {Promise<string | undefined>}
 */
export async function ensureFirefox(context) {
  const find = () => findFirefox({ platform: process.platform, env: process.env });
  return ensureByApt(context, find, ["firefox-esr"]);
}

/**
 * The driver of a WebKitGTK, which needs Xvfb beside it: an installed one, else on Debian one installed now.
 * Undefined where none is to be had: its suites are skipped then, and say so.
 * @param {Context} context
 * @returns {Promise<string | undefined>}
 */
export async function ensureWebkit(context) {
  const find = () => findWebkit({ platform: process.platform, env: process.env });
  return ensureByApt(context, find, ["webkit2gtk-driver", "xvfb"]);
}

/**
 * A program that starts: an installed one, else on Debian one of these packages installed now.
 * @param {Context} context
 * @param {() => string | undefined} find
 * @param {readonly string[]} packages
 */
export async function ensureByApt(context, find, packages) {
  const { root, log, signal } = context;
  const found = find();
  if (found !== undefined && (await starts(found, context))) return found;
  const apt = findApt({ platform: process.platform, env: process.env });
  if (apt === undefined) return undefined;
  log(`installing ${packages.join(" and ")} (apt-get install)`);
  const options = {
    cwd: root,
    timeoutMs: DOWNLOAD_TIMEOUT_MS,
    signal,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  };
  await run(apt, ["update"], options);
  await run(apt, ["install", "-y", "--no-install-recommends", ...packages], options);
  signal?.throwIfAborted();
  const installed = find();
  return installed !== undefined && (await starts(installed, context)) ? installed : undefined;
}

/**
 * @param {Machine} machine
 * @returns {string | undefined}
 */
export function findFirefox(machine) {
  const named = findNamed("MCP_OPTIMIZER_FIREFOX", machine);
  if (named !== undefined) return named;
  const places = machine.locations ?? FIREFOX_PLACES[machine.platform] ?? [];
  const known = places.find(isProgram);
  return known ?? findOnPath("firefox-esr", machine) ?? findOnPath("firefox", machine);
}

/**
 * @param {Machine} machine
 * @returns {string | undefined}
 */
export function findWebkit(machine) {
  const driver = findNamed("MCP_OPTIMIZER_WEBKIT", machine) ?? findOnPath("WebKitWebDriver", machine);
  return findOnPath("Xvfb", machine) === undefined ? undefined : driver;
}

/**
 * The program that a variable names.
 * @param {string} name
 * @param {Machine} machine
 */
function findNamed(name, { env }) {
  const named = env[name];
  if (named === undefined || named === "") return undefined;
  if (isProgram(named)) return named;
  throw new SetupError(`${name} names ${named}, which is no program.`, {
    hint: `correct ${name}, or unset it.`,
  });
}

/** @type {Partial<Record<NodeJS.Platform, readonly string[]>>} */
const FIREFOX_PLACES = {
  darwin: ["/Applications/Firefox.app/Contents/MacOS/firefox"],
  win32: ["C:\\Program Files\\Mozilla Firefox\\firefox.exe"],
};

/**
 * Debian's package manager, where it may be used.
 * @param {Machine} machine
 */
function findApt(machine) {
  const usable =
    machine.platform === "linux" && process.getuid?.() === 0 && existsSync("/etc/debian_version");
  return usable ? findOnPath("apt-get", machine) : undefined;
}

/**
 * Looks for Chrome, Chromium or Edge: named by the environment, in the well-known places, on the PATH.
 * @param {Machine} [machine]
 * @returns {string | undefined}
 */
export function findInstalledBrowser(machine = { platform: process.platform, env: process.env }) {
  const named = findNamed("MCP_OPTIMIZER_BROWSER", machine) ?? findNamed("CHROME_PATH", machine);
  if (named !== undefined) return named;
  const known = (machine.locations ?? knownLocations(machine)).find(isProgram);
  if (known !== undefined) return known;
  for (const name of NAMES) {
    const found = findOnPath(name, machine);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * @param {string} name
 * @param {Machine} machine
 * @returns {string | undefined}
 */
export function findOnPath(name, { platform, env }) {
  const variable = Object.keys(env).find((key) => key.toUpperCase() === "PATH");
  const folders = (variable === undefined ? "" : (env[variable] ?? "")).split(path.delimiter).filter(Boolean);
  return folders
    .map((folder) => path.join(folder, platform === "win32" ? `${name}.exe` : name))
    .find(isProgram);
}

/**
 * @param {Machine} machine
 * @returns {readonly string[]}
 */
function knownLocations({ platform, env }) {
  if (platform === "darwin") {
    const folders = [
      "/Applications",
      ...(env["HOME"] === undefined ? [] : [path.join(env["HOME"], "Applications")]),
    ];
    const apps = ["Google Chrome", "Chromium", "Microsoft Edge"];
    return apps.flatMap((app) => folders.map((folder) => `${folder}/${app}.app/Contents/MacOS/${app}`));
  }
  if (platform === "win32") {
    const folders = ["PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"].flatMap((name) => env[name] ?? []);
    const apps = [
      "Google/Chrome/Application/chrome.exe",
      "Chromium/Application/chrome.exe",
      "Microsoft/Edge/Application/msedge.exe",
    ];
    return apps.flatMap((app) => folders.map((folder) => path.join(folder, app)));
  }
  return [
    "/opt/google/chrome/chrome",
    "/usr/bin/google-chrome",
    "/usr/bin/chromium",
    "/usr/lib/chromium/chromium",
  ];
}

/** @param {string} file */
function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * The browser that Playwright has downloaded for this version of itself.
 * @param {Context} context
 * @param {string} node
 */
async function findPlaywrightBrowser({ root, signal }, node) {
  const ask = 'import("playwright").then(({ chromium }) => console.log(chromium.executablePath()))';
  const { code, output } = await run(node, ["-e", ask], { cwd: root, timeoutMs: 60_000, signal });
  return code === 0 && isProgram(output.trim()) ? output.trim() : undefined;
}

/**
 * @param {string} browser
 * @param {Context} context
 */
async function starts(browser, { signal }) {
  // On Windows `--version` opens a window instead of answering, and WebKit's driver knows no such option.
  if (process.platform === "win32") return true;
  const ask = path.basename(browser) === "WebKitWebDriver" ? "--help" : "--version";
  return (await run(browser, [ask], { timeoutMs: 60_000, signal })).code === 0;
}
