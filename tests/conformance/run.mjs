// @ts-check
/**
 * `npm run conformance`: the official MCP conformance suite against our server stack and our client.
 *
 * It makes the clone ready, then runs what each revision of the specification requires, the client's part once
 * from Node and once in a Chromium page. The last line reads `N of N scenario runs passed`; ends with 1 otherwise.
 */
import { fileURLToPath } from "node:url";
import { prepare, projectRoot, runAsCommand } from "../setup/prepare.mjs";
import { run } from "../setup/process.mjs";

const TIMEOUT_MS = 9 * 60_000;

await runAsCommand(async (signal) => {
  const { node, env } = await prepare({ browser: true, signal });
  const suite = fileURLToPath(new URL("suite.ts", import.meta.url));
  const { code, end } = await run(node, [suite], {
    cwd: projectRoot,
    env,
    timeoutMs: TIMEOUT_MS,
    output: "inherit",
    signal,
  });
  if (end !== "exited") console.log(`the conformance suite did not end by itself (${end})`);
  return code;
});
