import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { findFreePort } from "../../../demo/servers/loopback.ts";
import type { RedisPlace } from "../../../src/host/context/redis-client.ts";
import { startProcess } from "../../drivers/own-process.ts";
import { findRedis } from "../../setup/redis.mjs";
import { until } from "../../suites/context-case.ts";
import { ask, type RedisServer, startRedis } from "./redis-server.ts";

const MASTER = "group";

/** A master, its replica, and the Sentinel that watches both. */
export interface RedisReplicas extends AsyncDisposable {
  readonly replica: RedisServer;
  readonly sentinel: NonNullable<RedisPlace["sentinel"]>;
  /** Resolves when the replica has what the master acknowledged. */
  untilCopied(): Promise<void>;
  /** Makes the replica the master, and the master its replica. */
  failOver(): Promise<void>;
}

export async function startReplicas(): Promise<RedisReplicas> {
  const opened = new AsyncDisposableStack();
  const master = opened.use(await startRedis());
  const replica = opened.use(await startRedis(["--replicaof", `127.0.0.1 ${master.port}`]));
  const folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-sentinel-"));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const port = await findFreePort();
  const file = path.join(folder, "sentinel.conf");
  await writeFile(
    file,
    [
      `port ${port}`,
      "bind 127.0.0.1",
      `dir ${folder}`,
      `sentinel monitor ${MASTER} 127.0.0.1 ${master.port} 1`,
      `sentinel down-after-milliseconds ${MASTER} 2000`,
      `sentinel failover-timeout ${MASTER} 10000`,
    ].join("\n"),
  );
  opened.use(startProcess(findRedis() ?? "", [file, "--sentinel"]));
  await until(async () => (await ask(port, ["PING"]).catch(() => "")) === "+PONG");
  return {
    replica,
    sentinel: { nodes: [{ host: "127.0.0.1", port }], master: MASTER },
    untilCopied: () => until(async () => (await master.ask("WAIT", "1", "1000")) === ":1"),
    async failOver() {
      // Refused until the Sentinel has seen the replica.
      await until(async () => (await ask(port, ["SENTINEL", "failover", MASTER])) === "+OK");
      await until(async () => (await replica.ask("SET", "probe", "1")) === "+OK");
      await until(async () =>
        (await master.ask("SET", "probe", "1").catch(() => "")).startsWith("-READONLY"),
      );
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
