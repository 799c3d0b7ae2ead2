// @ts-check
/**
 * `npm start`: makes a fresh clone ready, then hands over to `serve.ts` under a Node that is new enough.
 *
 * Ctrl-C stops cleanly; a second one does not wait.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { prepare, projectRoot, runAsCommand } from "../tests/setup/prepare.mjs";
import { endGroup } from "../tests/setup/process.mjs";

/** npm passes a Ctrl-C on that the terminal has already sent: two signals this close are one. */
const SAME_SIGNAL_MS = 500;

await runAsCommand(async () => {
  const cancelled = new AbortController();
  let stop = () => cancelled.abort();
  let firstSignal = 0;
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.on(signal, () => {
      if (firstSignal !== 0 && Date.now() - firstSignal < SAME_SIGNAL_MS) return;
      firstSignal ||= Date.now();
      stop();
    });
  }

  const { node, env } = await prepare({ browser: false, signal: cancelled.signal });
  if (cancelled.signal.aborted) return 0;
  const serve = fileURLToPath(new URL("serve.ts", import.meta.url));
  // Its own process group: the terminal's Ctrl-C reaches only us, and we end all of it in order. The
  // channel tells it when we are gone without a word.
  const child = spawn(node, [serve], {
    cwd: projectRoot,
    env,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    detached: process.platform !== "win32",
  });
  stop = () => {
    if (cancelled.signal.aborted) endGroup(child, "SIGKILL");
    cancelled.abort();
    if (child.connected) child.disconnect();
  };
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(cancelled.signal.aborted ? 0 : (code ?? 1)));
  });
});
