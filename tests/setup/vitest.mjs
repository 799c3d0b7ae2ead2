// @ts-check
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./process.mjs";

const REPORTER = fileURLToPath(new URL("progress-reporter.mjs", import.meta.url));
const VITEST = fileURLToPath(new URL("../../node_modules/vitest/vitest.mjs", import.meta.url));

/** All of it, however often Vitest is started. */
const TIMEOUT_MS = 90 * 60_000;

/** Vitest hangs when no test began or ended for so long: a browser that died may leave it waiting for ever. */
const QUIET_MS = 5 * 60_000;
const LOOK_MS = 1_000;

/**
 * @typedef {object} FileResult
 * @property {string} file The whole path.
 * @property {string} status
 * @property {string} [message] Why the file failed, beside its tests.
 * @property {readonly import("./progress-reporter.mjs").TestResult[]} tests
 *
 * @typedef {object} Selection
 * @property {readonly string[]} [flags] Vitest's options, such as which projects.
 * @property {readonly string[]} [files] Parts of their paths.
 *
 * @typedef {object} VitestOptions
 * @property {string} root
 * @property {NodeJS.ProcessEnv} env
 * @property {AbortSignal} signal
 * @property {"inherit" | "capture"} [output] Where what Vitest prints goes. Default: to ours.
 * @property {number} [quietMs] How long it may tell nothing before it is ended. Default: 5 minutes.
 */

/**
 * Runs Vitest to its end, or to the time limit. Where it dies or hangs, the files in which it did have failed, and the
 * others run in another one.
 *
 * @param {Selection} selection
 * @param {VitestOptions} options
 * @returns {Promise<{ end: string, files: FileResult[], errors: string[] }>} `errors` are the messages of those that
 * belong to no test, and why Vitest failed where it said nothing.
 */
export async function runVitest({ flags = [], files = [] }, options) {
  const until = Date.now() + TIMEOUT_MS;
  /** @type {FileResult[]} */
  const results = [];
  /** @type {string[]} */
  const errors = [];
  for (let rest = files; ; ) {
    const { code, end, progress } = await runOnce([...flags, ...rest], until - Date.now(), options);
    const found = readProgress(progress);
    const missing = found.queued.filter((file) => !found.begun.has(file));
    const lost = [...found.begun].flatMap(([file, result]) => (result === undefined ? [file] : []));
    // What made it die is said of the files in which it did.
    const [message = `Vitest died or hung here (${end}).`] = found.errors;
    for (const [file, result] of found.begun)
      results.push({ file, ...(result ?? { status: "failed", message, tests: [] }) });
    if (lost.length === 0) errors.push(...found.errors);
    if (missing.length === 0 || found.begun.size === 0 || end === "timeout" || end === "aborted") {
      const failed = errors.length > 0 || results.some(({ status }) => status === "failed");
      // No test found, a crash, a time limit: it must show in the numbers.
      if (code !== 0 && !failed) errors.push(`vitest run ${flags.join(" ")} (${end})`);
      return { end, files: results, errors };
    }
    const where = lost.map((file) => ` in ${path.basename(file)}`).join();
    console.log(`[suites] Vitest ended early (${end})${where}: the other files run in another one`);
    rest = missing.map((file) => path.relative(options.root, file));
  }
}

/**
 * @param {readonly string[]} args
 * @param {number} timeoutMs
 * @param {VitestOptions} options
 * @returns {Promise<{ code: number, end: string, progress: import("./progress-reporter.mjs").Progress[] }>}
 */
async function runOnce(args, timeoutMs, { root, env, signal, output = "inherit", quietMs = QUIET_MS }) {
  const folder = mkdtempSync(path.join(tmpdir(), "mcp-optimizer-test-"));
  const file = path.join(folder, "progress.jsonl");
  const quiet = new AbortController();
  const look = setInterval(() => {
    const written = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - written > quietMs) quiet.abort();
  }, LOOK_MS);
  try {
    const { code, end } = await run(
      "node",
      [VITEST, "run", ...args, `--reporter=${REPORTER}`, `--outputFile.progress=${file}`],
      // What a suite leaves behind when it is ended by force goes with the folder.
      {
        cwd: root,
        env: { ...env, TMPDIR: folder, TEMP: folder, TMP: folder },
        timeoutMs,
        output,
        signal: AbortSignal.any([signal, quiet.signal]),
      },
    );
    const why = end === "aborted" && !signal.aborted ? `told nothing for ${quietMs / 1_000} s` : end;
    return { code, end: why, progress: readLines(file) };
  } finally {
    clearInterval(look);
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** @param {readonly import("./progress-reporter.mjs").Progress[]} progress */
function readProgress(progress) {
  /** @type {string[]} */
  const queued = [];
  /** What became of those that began; `undefined` of one that has not ended. @type {Map<string, FileResult | undefined>} */
  const begun = new Map();
  /** @type {string[]} */
  const errors = [];
  for (const one of progress) {
    if (one.event === "queued") queued.push(...one.files);
    else if (one.event === "begins") begun.set(one.file, undefined);
    else if (one.event === "ends") begun.set(one.file, one);
    else if (one.event === "end") errors.push(...one.errors);
  }
  return { queued, begun, errors };
}

/**
 * @param {string} file
 * @returns {import("./progress-reporter.mjs").Progress[]}
 */
function readLines(file) {
  let text = "";
  try {
    text = readFileSync(file, "utf8");
  } catch {
    // Vitest did not begin.
  }
  // Whoever is ended by force may leave a part of a line.
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}
