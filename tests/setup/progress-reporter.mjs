// @ts-check
import { appendFileSync } from "node:fs";

/**
 * A reporter of Vitest: writes what happens when it happens, a line of JSON each. Unlike the report that Vitest leaves
 * at its end, this is there when it hangs or dies.
 *
 * @typedef {{ event: "queued", files: string[] }
 *   | { event: "begins", file: string }
 *   | { event: "goes on" }
 *   | { event: "ends", file: string, status: string, message?: string, tests: TestResult[] }
 *   | { event: "end", errors: string[] }} Progress
 *
 * @typedef {object} TestResult
 * @property {string} fullName As Vitest's patterns see it.
 * @property {string} status
 * @property {string[]} failureMessages
 * @property {{ [name: string]: any }} meta
 */
// biome-ignore lint/style/noDefaultExport: Vitest loads it so.
export default class ProgressReporter {
  #file = "";

  /** @param {import("vitest/node").Vitest} vitest */
  onInit({ config }) {
    const { outputFile } = config;
    this.#file = (typeof outputFile === "object" && outputFile.progress) || "";
  }

  /** @param {readonly import("vitest/node").TestSpecification[]} specifications */
  onTestRunStart(specifications) {
    this.#write({ event: "queued", files: specifications.map(({ moduleId }) => moduleId) });
  }

  /** @param {import("vitest/node").TestModule} module */
  onTestModuleQueued({ moduleId }) {
    this.#write({ event: "begins", file: moduleId });
  }

  onTestCaseResult() {
    this.#write({ event: "goes on" });
  }

  /** @param {import("vitest/node").TestModule} module */
  onTestModuleEnd(module) {
    const { children } = module;
    const [error] = [...module.errors(), ...[...children.allSuites()].flatMap((suite) => suite.errors())];
    const tests = [...children.allTests()].map((test) => {
      const { state, errors = [] } = test.result();
      const failureMessages = errors.map(({ name = "Error", message }) => `${name}: ${message}`);
      return { fullName: test.fullName, status: state, failureMessages, meta: test.meta() };
    });
    this.#write({
      event: "ends",
      file: module.moduleId,
      status: module.state(),
      ...(error === undefined ? {} : { message: error.message }),
      tests,
    });
  }

  /**
   * @param {unknown} _
   * @param {readonly { message: string }[]} errors Those that belong to no test.
   */
  onTestRunEnd(_, errors) {
    this.#write({ event: "end", errors: errors.map(({ message }) => message) });
  }

  /** @param {Progress} progress */
  #write(progress) {
    appendFileSync(this.#file, `${JSON.stringify(progress)}\n`);
  }
}
