// @ts-check
import path from "node:path";
import { runVitest } from "./vitest.mjs";

/** More failures than that are no accident. */
const MOST_AGAIN = 20;

/** Whether it is about an attack: one that gets through once has got through. */
const isAttack = (/** @type {string} */ file) => file.includes("attacks");

/**
 * What became of one test; of a file, when something else of it than its tests failed; or of a whole run.
 *
 * @typedef {object} Outcome
 * @property {string} [file] From the root. Absent for what no file stands for.
 * @property {string} [test] The whole name.
 * @property {"passed" | "failed" | "skipped"} status
 * @property {string} [message] The first line of why it failed.
 *
 * @typedef {Map<string, Outcome>} Outcomes By file, name and place among those of one name.
 */

/**
 * Runs files of tests to their end.
 *
 * @param {import("./vitest.mjs").Selection} selection
 * @param {import("./vitest.mjs").VitestOptions} options
 * @returns {Promise<Outcomes>}
 */
export async function runSuites({ flags = [], files = [] }, options) {
  console.log(`[suites] vitest run ${[...flags, ...files].join(" ")}`);
  const results = await runVitest({ flags: [...flags, "--reporter=default"], files }, options);
  const outcomes = readOutcomes(results.files, options.root);
  for (const [at, message] of results.errors.entries())
    outcomes.set(`unhandled ${at}`, { status: "failed", message: firstLine(message) });
  if (results.end !== "exited") console.log(`[suites] ${flags.join(" ")}: FAILED (${results.end})`);
  return outcomes;
}

/**
 * Tries what failed once more, alone: beside other suites, a machine may be too slow for a test. What passes then
 * counts as passed, and is told: it is a finding all the same. Attacks are not tried again.
 *
 * @param {readonly string[]} flags Vitest's: which projects they are of.
 * @param {Outcomes} outcomes Gets what came of it.
 * @param {import("./vitest.mjs").VitestOptions} options
 * @returns {Promise<Outcome[]>} What failed at first and passed now.
 */
export async function tryAgain(flags, outcomes, options) {
  const failed = [...outcomes.values()].filter(({ status }) => status === "failed");
  const isFinal = failed.some(({ file }) => file === undefined || isAttack(file));
  if (failed.length === 0 || failed.length > MOST_AGAIN || isFinal || options.signal.aborted) return [];
  const files = new Set(failed.flatMap(({ file }) => file ?? []));
  /** @type {Outcome[]} */
  const mended = [];
  for (const file of files) {
    const tests = failed.flatMap((one) => (one.file === file ? [one.test] : []));
    // Without a name it is the file that failed, whose tests were all skipped.
    const names = tests.flatMap((name) =>
      name === undefined ? [] : `^${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`,
    );
    const only = names.length < tests.length ? [] : ["--testNamePattern", names.join("|")];
    const again = await runSuites({ flags: [...flags, ...only], files: [file] }, options);
    const passes = [...again.values()].every(({ status }) => status !== "failed");
    for (const [key, outcome] of again) {
      if (outcome.status === "skipped") continue;
      const before = outcomes.get(key);
      if (before?.status === "failed" && outcome.status === "passed") mended.push(before);
      outcomes.set(key, outcome);
    }
    const whole = outcomes.get(file);
    if (whole !== undefined && passes) {
      outcomes.delete(file);
      mended.push(whole);
    }
  }
  return mended;
}

/**
 * @param {readonly import("./vitest.mjs").FileResult[]} files
 * @param {string} root
 * @returns {Outcomes}
 */
function readOutcomes(files, root) {
  /** @type {Outcomes} */
  const outcomes = new Map();
  for (const { file: name, status, message, tests } of files) {
    const file = path.relative(root, name).replaceAll(path.sep, "/");
    /** @type {Map<string, number>} */
    const places = new Map();
    for (const test of tests) {
      const place = places.get(test.fullName) ?? 0;
      places.set(test.fullName, place + 1);
      outcomes.set(`${file} ${test.fullName} ${place}`, {
        file,
        test: test.fullName,
        status: statusOf(test.status),
        ...(test.status === "failed" ? { message: firstLine(test.failureMessages[0]) } : {}),
      });
    }
    // It can't be loaded, or what goes before and after its tests failed.
    if (status === "failed" && tests.every((test) => test.status !== "failed"))
      outcomes.set(file, { file, status: "failed", message: firstLine(message) });
  }
  return outcomes;
}

/**
 * @param {string} status
 * @returns {Outcome["status"]}
 */
function statusOf(status) {
  return status === "passed" || status === "failed" ? status : "skipped";
}

/** @param {string} [message] */
function firstLine(message = "") {
  return /^.{0,200}/.exec(message)?.[0] ?? "";
}
