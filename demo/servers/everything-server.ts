import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { findFreePort, portTaken, type RunningServer, requireFreePort } from "./loopback.ts";

/** How `@modelcontextprotocol/server-everything` runs. */
export interface EverythingServerOptions {
  /** 0 finds a free port first, because the server itself cannot. */
  readonly port: number;
  /** Default `streamableHttp`; `sse` is the transport of 2024, for tests of the fallback. */
  readonly transport?: "streamableHttp" | "sse";
}

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 3_000;
/** Enough of what the child says to explain a failed start. */
const MAX_OUTPUT_CHARS = 4_000;

/**
 * Runs the official test server as it ships, in a child process, and waits until it listens.
 *
 * It binds to all interfaces and accepts every origin; that is how it ships and cannot be
 * configured, so it is for a development machine behind a firewall only.
 *
 * @throws Error that names the port when it is taken, or tells what the child said when it ended.
 */
export async function startEverythingServer(options: EverythingServerOptions): Promise<RunningServer> {
  const port = options.port === 0 ? await findFreePort() : options.port;
  // The child binds to all interfaces, which succeeds beside a program that has the port on
  // 127.0.0.1 only, and every request would then reach that program.
  await requireFreePort("The everything server", port);
  const transport = options.transport ?? "streamableHttp";
  const entry = createRequire(import.meta.url).resolve(
    "@modelcontextprotocol/server-everything/dist/index.js",
  );
  const child = spawn(process.execPath, [entry, transport], {
    env: { ...process.env, PORT: String(port) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  try {
    await waitUntilListening(child, port);
  } catch (error) {
    await stop(child);
    throw error;
  }
  return { url: `http://127.0.0.1:${port}/${transport === "sse" ? "sse" : "mcp"}`, close: () => stop(child) };
}

async function waitUntilListening(child: ChildProcess, port: number): Promise<void> {
  let output = "";
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(failed(`did not listen within ${START_TIMEOUT_MS} ms`, output)),
      START_TIMEOUT_MS,
    );
    const settle = (act: () => void) => {
      clearTimeout(timer);
      act();
    };
    const read = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-MAX_OUTPUT_CHARS);
      // Both modes say so on standard error once they listen, and in no other way.
      if (/(listening|running) on port \d+/.test(output)) settle(resolve);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.once("error", (error) => settle(() => reject(error)));
    child.once("close", (code) =>
      settle(() =>
        reject(
          /already in use|EADDRINUSE/.test(output)
            ? portTaken("The everything server", port)
            : failed(`ended with code ${code}`, output),
        ),
      ),
    );
  });
  // Its log is of no use from here on, but an unread pipe would fill up and block it.
  child.stdout?.removeAllListeners("data").resume();
  child.stderr?.removeAllListeners("data").resume();
}

function failed(what: string, output: string): Error {
  return new Error(`The everything server ${what}. It said: ${output.trim() || "nothing"}`);
}

/** Ends exactly this child, politely first. Its own handler of SIGINT may wait for open sessions. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}
