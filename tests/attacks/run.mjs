// @ts-check
/**
 * `npm run attacks`: every attack, the same ones where nothing holds them, and each wall switched off, in
 * every browser that is here; then tables of what became of each.
 *
 *   npm run attacks                 Chromium, and Firefox where there is one
 *   npm run attacks -- python       the files of attacks whose path contains "python"
 *
 * Ends with 1 when an attack got through, a control no longer shows that it can, or nothing ran.
 */
import { readdirSync } from "node:fs";
import path from "node:path";
import { prepare, projectRoot, runAsCommand } from "../setup/prepare.mjs";
import { runVitest } from "../setup/vitest.mjs";
import { formatReport } from "./report.mjs";

await runAsCommand(async (signal) => {
  const files = findFiles(process.argv.slice(2));
  if (files.length === 0) {
    console.log("[attacks] no file of attacks has such a path: nothing ran");
    return 1;
  }
  const { env, firefox } = await prepare({ browser: true, firefox: true, signal });
  const browsers = [{ browser: "Chromium", project: "browser" }];
  if (firefox !== undefined) browsers.push({ browser: "Firefox", project: "firefox" });
  else console.log("[attacks] Firefox: SKIPPED (no Firefox here: install it, or set MCP_OPTIMIZER_FIREFOX)");

  /** @type {{ text: string, failures: number }[]} */
  const tables = [];
  let passed = true;
  for (const { browser, project } of browsers) {
    if (signal.aborted) break;
    console.log(`[attacks] ${browser}: ${files.length} files; this takes minutes`);
    const results = await runVitest(
      { flags: [`--project=${project}`, "--reporter=dot"], files },
      { root: projectRoot, env: { ...env, MCP_OPTIMIZER_CONTROLS: "1" }, signal },
    );
    passed &&= results.end === "exited" && results.errors.length === 0;
    for (const message of results.errors) console.log(`[attacks] ${browser}: FAILED (${message})`);
    tables.push(formatReport(browser, results.files));
  }
  for (const { text } of tables) console.log(text);
  if (!passed) console.log("\nFAILED: see above");
  return passed && !signal.aborted && tables.every(({ failures }) => failures === 0) ? 0 : 1;
});

/**
 * @param {readonly string[]} words
 * @returns {string[]} The files of attacks whose path contains one of them; all, when there are none.
 */
function findFiles(words) {
  return readdirSync(path.join(projectRoot, "tests/attacks"), { recursive: true, encoding: "utf8" })
    .map((file) => `tests/attacks/${file.replaceAll(path.sep, "/")}`)
    .filter((file) => /\.(?:test|control)\.ts$/.test(file))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)));
}
