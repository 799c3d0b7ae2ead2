// @ts-check
/** `npm run bench`: makes the clone ready, then measures in a real browser. */
import { fileURLToPath } from "node:url";
import { prepare, projectRoot, runAsCommand } from "../setup/prepare.mjs";
import { run } from "../setup/process.mjs";

const TIMEOUT_MS = 30 * 60_000;

await runAsCommand(async (signal) => {
  const { node, env } = await prepare({ browser: true, signal });
  const bench = fileURLToPath(new URL("bench.ts", import.meta.url));
  const { code, end } = await run(node, [bench], {
    cwd: projectRoot,
    env,
    timeoutMs: TIMEOUT_MS,
    output: "inherit",
    signal,
  });
  if (end !== "exited") console.log(`the benchmark did not end by itself (${end})`);
  return code;
});
