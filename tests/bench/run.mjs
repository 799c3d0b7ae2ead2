// @ts-check
/** `npm run bench`: makes the clone ready, then measures in a real browser. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { prepare, projectRoot, runAsCommand } from "../setup/prepare.mjs";

await runAsCommand(async () => {
  const { node, env } = await prepare({ browser: true });
  const bench = fileURLToPath(new URL("bench.ts", import.meta.url));
  const child = spawn(node, [bench], { cwd: projectRoot, env, stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
});
