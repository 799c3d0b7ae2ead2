// @ts-check
/** `npm run bench`: makes the clone ready, then measures in a real browser. */
import { fileURLToPath } from "node:url";
import { prepare, projectRoot, runAsCommand } from "../setup/prepare.mjs";
import { run } from "../setup/process.mjs";

const TIMEOUT_MS = 30 * 60_000;

await runAsCommand(async (signal) => {
  const { node, env } = await prepare({ browser: true, signal });
  const bench = fileURLToPath(new URL("bench.ts", import.meta.url));
  const options = { cwd: projectRoot, env, timeoutMs: TIMEOUT_MS, signal };
  const { code } = await run(node, [bench], { ...options, output: "inherit" });
  return code;
});
