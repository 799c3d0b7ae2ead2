// @ts-check
import { writeFileSync } from "node:fs";

/** A reporter of Vitest: writes the messages of errors that belong to no test, which its JSON report leaves out. */
// biome-ignore lint/style/noDefaultExport: Vitest loads it so.
export default class UnhandledErrors {
  #file = "";

  /** @param {import("vitest/node").Vitest} vitest */
  onInit({ config }) {
    const { outputFile } = config;
    this.#file = (typeof outputFile === "object" && outputFile.unhandled) || "";
  }

  /**
   * @param {unknown} _
   * @param {readonly { message: string }[]} errors
   */
  onTestRunEnd(_, errors) {
    writeFileSync(this.#file, JSON.stringify(errors.map(({ message }) => message)));
  }
}
