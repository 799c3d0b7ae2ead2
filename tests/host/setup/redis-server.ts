import { mkdir, mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeEach } from "vitest";
import { findFreePort, requireFreePort } from "../../../demo/servers/loopback.ts";
import { type OwnProcess, startProcess } from "../../drivers/own-process.ts";
import { findRedis } from "../../setup/redis.mjs";
import { untilAnswers } from "./until-answers.ts";

/** A real Redis on loopback, with a folder of its own. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Ends it with no chance to finish anything. */
  kill(): Promise<void>;
  /** Starts it anew over the same files. */
  restart(): Promise<void>;
  /** Stops its process as it is, or lets it go on. */
  signal(name: "SIGSTOP" | "SIGCONT"): void;
  /** Asks it by the simplest connection there is. Resolves with the reply's first line. */
  ask(...command: readonly string[]): Promise<string>;
}

/** Whether there is one to start. */
export const hasRedis = findRedis() !== undefined;

/** Where there is no Redis, every test of the file, or of the `describe` around it, is skipped with the reason. */
export function skipAllWithoutRedis(): void {
  beforeEach((context) => {
    if (!hasRedis) context.skip("There is no redis-server on the PATH, and none could be installed.");
  });
}

/** Every acknowledged write is in its file: `options` are Redis's own, such as `--requirepass`. */
export async function startRedis(options: readonly string[] = []): Promise<RedisServer> {
  const program = findRedis();
  if (program === undefined) throw new Error("There is no redis-server.");
  const folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-redis-"));
  await mkdir(folder, { recursive: true });
  const port = await findRedisPort();
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""];
  const durable = ["--appendonly", "yes", "--appendfsync", "always"];
  let running: OwnProcess | undefined;
  const start = async (): Promise<void> => {
    running = startProcess(program, [...args, ...durable, ...options]);
    await untilAnswers("redis-server", running.ended, () => answers(port));
  };
  const stop = async (): Promise<void> => {
    running?.signal("SIGKILL");
    await running?.[Symbol.asyncDispose]();
  };
  await start();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    kill: stop,
    restart: start,
    signal: (name) => running?.signal(name),
    ask: (...command) => ask(port, command),
    async [Symbol.asyncDispose]() {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A port that was free a moment ago, and so was the one that a Cluster's bus would take. */
async function findRedisPort(): Promise<number> {
  for (;;) {
    const port = await findFreePort();
    if (port >= 55_000) continue;
    const busIsFree = await requireFreePort("Redis", port + 10_000).then(
      () => true,
      () => false,
    );
    if (busIsFree) return port;
  }
}

/** A refusal, such as NOAUTH, is an answer too; LOADING is none yet. */
async function answers(port: number): Promise<boolean> {
  const reply = await ask(port, ["PING"]).catch(() => "");
  return reply !== "" && !reply.startsWith("-LOADING") && !reply.startsWith("-MASTERDOWN");
}

/** Sends one command over a connection of its own. Resolves with the first line of the reply. */
export async function ask(port: number, command: readonly string[]): Promise<string> {
  const socket = net.connect(port, "127.0.0.1");
  try {
    return await new Promise((resolve, reject) => {
      let text = "";
      socket.setTimeout(5_000, () => reject(new Error("Redis is silent.")));
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("Redis closed the connection.")));
      socket.on("data", (chunk) => {
        text += String(chunk);
        const end = text.indexOf("\r\n");
        if (end >= 0) resolve(text.slice(0, end));
      });
      const parts = command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
      socket.write(`*${command.length}\r\n${parts.join("")}`);
    });
  } finally {
    socket.destroy();
  }
}
