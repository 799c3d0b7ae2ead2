// @ts-check
/**
 * `npm test`: makes a clone ready, then runs every gate and every suite, to the end, and counts.
 *
 *   npm test                      everything
 *   npm test -- lint knip         these gates
 *   npm test -- unit              the test files whose path contains "unit"
 *   npm test -- build package     both kinds mix
 *   npm run test:browsers         every suite of pages in Firefox and in WebKitGTK
 *
 * The last line reads `N passed, N failed, N skipped`: each test counts, and each gate counts as one.
 */
import { readdir } from "node:fs/promises";
import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import { prepare, projectRoot, runAsCommand } from "./setup/prepare.mjs";
import { npm, run } from "./setup/process.mjs";
import { runSuites, tryAgain } from "./setup/suites.mjs";

const GATE_TIMEOUT_MS = 10 * 60_000;
/** Of a gate that failed, repeated at the end. */
const LAST_LINES = 20;

/**
 * What `npm test` runs in Firefox: the files about what browsers do differently (frames, workers, policies, both
 * engines, databases), which take a few minutes. `npm run test:browsers` runs everything: the programs of `webcontainer()`,
 * which a Node runs; attacks on our page's code alone; and those that each wait for a limit.
 */
const IN_FIREFOX = [
  "tests/browser/context-",
  "tests/browser/frame-tokenizer",
  "tests/browser/frozen-runs",
  "tests/browser/languages",
  "tests/browser/optimizer",
  "tests/browser/pyodide",
  "tests/browser/quickjs",
  "tests/browser/strict-page",
  "tests/attacks/compromised-worker",
  "tests/attacks/cross-run",
  "tests/attacks/frame-document",
  "tests/attacks/frozen-runs",
  "tests/attacks/guest-realm",
  "tests/attacks/hostile-protocol",
  "tests/attacks/integrity",
];

/** Each gate is the npm script of the same name. The first builds what the others look at. */
const GATES = ["build", "reference", "lint", "knip", "publint", "attw", "size", "conformance"];

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/** What is told of each failure once more: the end of a long log shows them all. @type {string[]} */
const failures = [];

await runAsCommand(async (signal) => {
  const onlyBrowsers = process.argv.includes("--browsers");
  const words = process.argv.slice(2).filter((word) => word !== "--browsers");
  const gates = words.length === 0 && !onlyBrowsers ? GATES : GATES.filter((gate) => words.includes(gate));
  const filters = words.filter((word) => !GATES.includes(word));

  const everything = words.length === 0 && !onlyBrowsers;
  const { env, firefox, webkit } = await prepare({
    browser: everything || filters.length > 0,
    firefox: everything || onlyBrowsers,
    webkit: onlyBrowsers,
    redis: everything || filters.length > 0,
    prometheus: everything || filters.length > 0,
    signal,
  });
  const total = { passed: 0, failed: 0, skipped: 0 };
  /** @param {Counts} counts */
  const add = (counts) => {
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
  };

  for (const gate of gates) {
    if (signal.aborted) break;
    add(await runGate(gate, env, signal));
  }
  /** What runs at one time, one after another. @type {import("./setup/vitest.mjs").Selection[][]} */
  const selections = [];
  if (everything) {
    selections.push([{ flags: ["--project=unit", "--project=browser"] }]);
    if (firefox !== undefined) selections.push([{ flags: ["--project=firefox"], files: IN_FIREFOX }]);
    // The host's sandboxes start many processes, for most of which a test waits.
    selections.push([{ flags: ["--project=host"] }, { flags: ["--project=docker"] }]);
    // The packed package is tried apart from the suites: it installs, builds and serves, which takes both cores.
    selections.push([{ flags: ["--project=package"] }]);
  } else if (onlyBrowsers) {
    if (firefox !== undefined) selections.push([{ flags: ["--project=firefox"] }]);
    if (webkit !== undefined)
      for (const file of await listPageSuites())
        selections.push([{ flags: ["--project=webkit"], files: [file] }]);
  } else if (filters.length > 0) {
    selections.push([{ files: filters }]);
  }
  const options = { root: projectRoot, env, signal };
  /** What passed at its second try only. @type {string[]} */
  const unsteady = [];
  for (const together of selections) {
    if (signal.aborted) break;
    const runs = await Promise.all(together.map((one) => runSuites(one, options)));
    for (const [at, outcomes] of runs.entries()) {
      const flags = together[at]?.flags ?? [];
      if (everything) unsteady.push(...(await tryAgain(flags, outcomes, options)).map(lineOf));
      for (const outcome of outcomes.values()) {
        total[outcome.status] += 1;
        if (outcome.status === "failed") failures.push(lineOf(outcome));
      }
    }
  }
  if ((everything || onlyBrowsers) && firefox === undefined)
    add(skipBrowser("Firefox", "install it, or set MCP_OPTIMIZER_FIREFOX"));
  if (onlyBrowsers && webkit === undefined)
    add(skipBrowser("WebKitGTK", "install WebKitWebDriver (webkit2gtk-driver) and Xvfb"));
  if (signal.aborted) {
    console.log("\ninterrupted: the rest did not run");
    add({ passed: 0, failed: 1, skipped: 0 });
  }
  if (unsteady.length > 0)
    console.log(`\nWhat failed beside other suites and passed alone:\n${unsteady.join("\n")}`);
  if (failures.length > 0) console.log(`\nWhat failed:\n${failures.join("\n")}`);
  console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
});

/** Every file that runs in pages. In WebKitGTK each gets a browser of its own: it can't end all threads of the one before. */
async function listPageSuites() {
  const folders = ["tests/browser", "tests/attacks"];
  const found = await Promise.all(
    folders.map(async (folder) => {
      const names = await readdir(path.join(projectRoot, folder), { recursive: true });
      return names.map((name) => `${folder}/${name.replaceAll(path.sep, "/")}`);
    }),
  );
  return found.flat().filter((file) => file.endsWith(".test.ts"));
}

/** @param {import("./setup/suites.mjs").Outcome} outcome */
function lineOf({ file, test, message }) {
  const place = [file, test].filter((part) => part !== undefined).join(" > ") || "outside of any test";
  return `  ${place}: ${message}`;
}

/**
 * @param {string} browser
 * @param {string} hint
 * @returns {Counts}
 */
function skipBrowser(browser, hint) {
  console.log(`[suites] ${browser}: SKIPPED (there is none here: ${hint})`);
  return { passed: 0, failed: 0, skipped: 1 };
}

/**
 * @param {string} gate
 * @param {NodeJS.ProcessEnv} env
 * @param {AbortSignal} signal
 * @returns {Promise<Counts>}
 */
async function runGate(gate, env, signal) {
  const started = Date.now();
  const { command, args } = npm();
  const script = [...args, "run", "--silent", gate];
  const { code, output, end } = await run(command, script, {
    cwd: projectRoot,
    env,
    timeoutMs: GATE_TIMEOUT_MS,
    signal,
  });
  const seconds = `${((Date.now() - started) / 1000).toFixed(1)} s`;
  if (code === 0) {
    console.log(`[gate] ${gate}: passed (${seconds})`);
    return { passed: 1, failed: 0, skipped: 0 };
  }
  console.log(`${output.trimEnd()}\n[gate] ${gate}: FAILED (${end}, ${seconds}); alone: npm run ${gate}`);
  const last = stripVTControlCharacters(output).trimEnd().split("\n").slice(-LAST_LINES);
  failures.push([`  gate ${gate} (${end}), whose last lines are:`, ...last].join("\n    "));
  return { passed: 0, failed: 1, skipped: 0 };
}
