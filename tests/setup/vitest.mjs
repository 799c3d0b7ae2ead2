// @ts-check
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./process.mjs";

const ERRORS = fileURLToPath(new URL("unhandled-errors.mjs", import.meta.url));
const VITEST = fileURLToPath(new URL("../../node_modules/vitest/vitest.mjs", import.meta.url));

/**
 * Runs Vitest to its end, or to the time limit, and reads its JSON report.
 *
 * @param {readonly string[]} selection Arguments: which projects or files, and the reporter for the terminal.
 * @param {{ root: string, env: NodeJS.ProcessEnv, timeoutMs: number, signal: AbortSignal, output?: "inherit" | "capture" }} options
 * @returns {Promise<{ code: number, end: string, report: any, errors: string[] }>} The report is `undefined` when none
 * was left; `errors` are the messages of those that belong to no test.
 */
export async function runVitest(selection, { root, env, timeoutMs, signal, output = "inherit" }) {
  const folder = mkdtempSync(path.join(tmpdir(), "mcp-optimizer-test-"));
  const file = path.join(folder, "report.json");
  const errorsFile = path.join(folder, "errors.json");
  try {
    const { code, end } = await run(
      "node",
      [
        ...[VITEST, "run", ...selection],
        ...["--reporter=json", `--outputFile.json=${file}`],
        ...[`--reporter=${ERRORS}`, `--outputFile.unhandled=${errorsFile}`],
      ],
      // What a suite leaves behind when it is ended by force goes with the folder.
      {
        cwd: root,
        env: { ...env, TMPDIR: folder, TEMP: folder, TMP: folder },
        timeoutMs,
        output,
        signal,
      },
    );
    return { code, end, report: readReport(file), errors: readReport(errorsFile) ?? [] };
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** @param {string} file */
function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
