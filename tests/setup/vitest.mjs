// @ts-check
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { run } from "./process.mjs";

/**
 * Runs Vitest to its end, or to the time limit, and reads its JSON report.
 *
 * @param {readonly string[]} selection Arguments: which projects or files, and the reporter for the terminal.
 * @param {{ root: string, env: NodeJS.ProcessEnv, timeoutMs: number, signal: AbortSignal }} options
 * @returns {Promise<{ code: number, end: string, report: any }>} The report is `undefined` when none was left.
 */
export async function runVitest(selection, { root, env, timeoutMs, signal }) {
  const folder = mkdtempSync(path.join(tmpdir(), "mcp-optimizer-test-"));
  const file = path.join(folder, "report.json");
  try {
    const vitest = path.join(root, "node_modules", "vitest", "vitest.mjs");
    const { code, end } = await run(
      "node",
      [vitest, "run", ...selection, "--reporter=json", `--outputFile.json=${file}`],
      // What a suite leaves behind when it is ended by force goes with the folder.
      {
        cwd: root,
        env: { ...env, TMPDIR: folder, TEMP: folder, TMP: folder },
        timeoutMs,
        output: "inherit",
        signal,
      },
    );
    return { code, end, report: readReport(file) };
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
