// @ts-check
/** `npm run bench:host`: makes the clone ready, installs the peers beside it, then measures the host's sandboxes. */
import { cpSync, mkdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { prepare, projectRoot, runAsCommand } from "../setup/prepare.mjs";
import { npm, run } from "../setup/process.mjs";

const INSTALL_TIMEOUT_MS = 5 * 60_000;
const BENCH_TIMEOUT_MS = 60 * 60_000;

await runAsCommand(async (signal) => {
  const { node, env } = await prepare({ browser: false, signal });
  const peers = path.join(projectRoot, ".cache", "host-peers");
  mkdirSync(peers, { recursive: true });
  cpSync(
    fileURLToPath(new URL("host-peers/package.json", import.meta.url)),
    path.join(peers, "package.json"),
  );
  const { command, args } = npm();
  const install = [...args, "install", "--ignore-scripts", "--no-audit", "--no-fund"];
  const { code } = await run(command, install, { cwd: peers, env, timeoutMs: INSTALL_TIMEOUT_MS, signal });
  if (code !== 0) console.log("The peers could not be installed: only our own sandboxes are measured.");
  const script = fileURLToPath(new URL("host-main.mjs", import.meta.url));
  // isolated-vm needs a Node without its snapshot.
  const bench = await run(node, ["--no-node-snapshot", script, code === 0 ? peers : ""], {
    cwd: projectRoot,
    env,
    timeoutMs: BENCH_TIMEOUT_MS,
    output: "inherit",
    signal,
  });
  return bench.code;
});
