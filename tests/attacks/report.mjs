// @ts-check
/**
 * The tables of `npm run attacks`: the tests left their lines in their meta data (escapes/record.ts).
 *
 * @typedef {import("./escapes/record.ts").EscapeRecord} EscapeRecord
 * @typedef {import("../setup/vitest.mjs").FileResult} FileResult
 * @typedef {FileResult["tests"][number]} TestResult
 */

/**
 * @param {string} browser
 * @param {readonly FileResult[]} files
 * @returns {{ text: string, failures: number }} The tables, and how many lines are not as they should be.
 */
export function formatReport(browser, files) {
  const tests = files.flatMap((file) => file.tests);
  /** @type {string[]} */
  const lines = [];
  const attacks = linesOf(tests, "attacks");
  const benign = linesOf(tests, "benign");
  const baseline = linesOf(tests, "baseline");
  const controls = linesOf(tests, "controls");
  const others = tests.filter(({ meta }) => meta.escape === undefined);
  const broken = files.filter((file) => file.status === "failed" && file.tests.length === 0);

  lines.push(`\nATTACKS in ${browser}, by the class of the public corpus`);
  for (const [covered, group] of groupBy(attacks, ({ line }) => line.covers.join(", "))) {
    lines.push(covered);
    lines.push(
      ...columns(
        group.map(({ test, line }) => [
          verdict(test, "held", "GOT THROUGH"),
          line.id,
          line.target,
          `wants ${line.wants}`,
          test.status === "failed" ? problemOf(test) : line.how,
        ]),
      ),
    );
  }
  if (baseline.length > 0) {
    lines.push("\nTHE SAME ATTACKS WHERE NOTHING HOLDS THEM: the detectors that they set off");
    for (const [target, group] of groupBy(baseline, ({ line }) => line.target)) {
      lines.push(target);
      lines.push(
        ...columns(
          group.map(({ test, line }) => [
            verdict(test, "caught", "NOT CAUGHT"),
            line.id,
            line.harmless ?? line.tripped.join(", "),
            test.status === "failed" ? problemOf(test) : "",
          ]),
        ),
      );
    }
  }
  if (controls.length > 0) {
    lines.push("\nWALLS, EACH SWITCHED OFF BY ITSELF: what the same attack gets");
    for (const [control, group] of groupBy(controls, ({ line }) => line.control)) {
      lines.push(control);
      lines.push(
        ...columns(
          group.map(({ test, line }) => [
            verdict(test, "shown", "NOT SHOWN"),
            `wants ${line.attack}`,
            `with all walls: ${line.held}`,
            `without: ${test.status === "failed" ? problemOf(test) : line.without}`,
          ]),
        ),
      );
    }
  }
  lines.push("\nBENIGN PROGRAMS");
  for (const [target, group] of groupBy(benign, ({ line }) => line.target)) {
    const dead = group.filter(({ test }) => test.status !== "passed");
    lines.push(`  ${target}: ${group.length - dead.length} of ${group.length} work`);
    for (const { test, line } of dead) lines.push(`    DOES NOT WORK: ${line.does}: ${problemOf(test)}`);
  }
  for (const test of others)
    if (test.status === "failed") lines.push(`FAILED: ${test.fullName}: ${problemOf(test)}`);
  for (const { file, message = "" } of broken) lines.push(`FAILED: ${file}: ${firstLine(message)}`);

  const all = [attacks, baseline, controls, benign].map((table) => count(table.map(({ test }) => test)));
  const [tried, caught, shown, alive] = all;
  const rest = count(others);
  // Of some files alone, such as the controls, no attack is expected.
  const ran = all.some(({ passed }) => passed > 0);
  const failures = all.reduce((sum, { failed }) => sum + failed, rest.failed + broken.length) + (ran ? 0 : 1);
  lines.push(
    `\n${browser}: ${tried?.passed} attacks held, ${tried?.failed} got through, ${tried?.skipped} skipped; ` +
      `${alive?.passed} of ${benign.length} benign programs work; ` +
      `${caught?.passed} caught where nothing holds them, ${caught?.failed} missed, ${caught?.skipped} harmless there; ` +
      `${shown?.passed} of ${controls.length} walls shown; ` +
      `${rest.passed} other tests passed, ${rest.failed + broken.length} failed` +
      `${ran ? "" : "; NOTHING RAN"}`,
  );
  return { text: lines.join("\n"), failures };
}

/**
 * @template {EscapeRecord["table"]} Table
 * @param {readonly TestResult[]} tests
 * @param {Table} table
 * @returns {{ test: TestResult, line: Extract<EscapeRecord, { table: Table }> }[]}
 */
function linesOf(tests, table) {
  return tests.flatMap((test) => {
    const line = test.meta.escape;
    return line?.table === table
      ? [{ test, line: /** @type {Extract<EscapeRecord, { table: Table }>} */ (line) }]
      : [];
  });
}

/**
 * @param {TestResult} test
 * @param {string} good
 * @param {string} bad
 */
function verdict({ status }, good, bad) {
  if (status === "passed") return good;
  return status === "failed" ? bad : "skipped";
}

/** @param {TestResult} test */
function problemOf({ failureMessages }) {
  return firstLine(failureMessages[0] ?? "");
}

/** @param {string} text */
function firstLine(text) {
  return (text.split("\n")[0] ?? "").slice(0, 300);
}

/** @param {readonly TestResult[]} tests */
function count(tests) {
  const passed = tests.filter(({ status }) => status === "passed").length;
  const failed = tests.filter(({ status }) => status === "failed").length;
  return { passed, failed, skipped: tests.length - passed - failed };
}

/**
 * @template T
 * @param {readonly T[]} items
 * @param {(item: T) => string} keyOf
 * @returns {[string, T[]][]} In the order of the keys.
 */
function groupBy(items, keyOf) {
  /** @type {Map<string, T[]>} */
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return [...groups].sort(([one], [other]) => (one < other ? -1 : 1));
}

/** No column but the last is made wider than this. Characters. */
const WIDEST = 44;

/**
 * @param {readonly (readonly string[])[]} rows
 * @returns {string[]}
 */
function columns(rows) {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.min(WIDEST, Math.max(...rows.map((row) => row[at]?.length ?? 0))),
  );
  return rows.map((row) => `  ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ")}`.trimEnd());
}
