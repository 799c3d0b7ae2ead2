import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { RedisAddress } from "../../../src/host/context/redis-client.ts";
import { type RedisServer, startRedis } from "./redis-server.ts";

const execute = promisify(execFile);

/** Three masters on loopback, without replicas. */
export interface RedisCluster extends AsyncDisposable {
  readonly servers: readonly RedisServer[];
  readonly nodes: readonly RedisAddress[];
  /** Moves the slot of a key to the next master, all its keys with it. */
  moveSlotOf(key: string): Promise<void>;
}

export async function startCluster(): Promise<RedisCluster> {
  const opened = new AsyncDisposableStack();
  const options = [
    ...["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"],
    // A master that is away takes its own slots along, and no others.
    ...["--cluster-require-full-coverage", "no"],
  ];
  const servers: RedisServer[] = [];
  for (let at = 0; at < 3; at += 1) servers.push(opened.use(await startRedis(options)));
  const nodes = servers.map(({ port }) => ({ host: "127.0.0.1", port }));
  const addresses = servers.map(({ port }) => `127.0.0.1:${port}`);
  const create = ["--cluster", "create", ...addresses, "--cluster-replicas", "0", "--cluster-yes"];
  await execute("redis-cli", create, { timeout: 50_000 });
  const cli = async (server: RedisServer, ...command: readonly string[]): Promise<string> =>
    (await execute("redis-cli", ["-p", String(server.port), ...command], { timeout: 10_000 })).stdout.trim();
  return {
    servers,
    nodes,
    async moveSlotOf(key) {
      const [one] = servers;
      if (one === undefined) return;
      const slot = await cli(one, "CLUSTER", "KEYSLOT", key);
      const counts = await Promise.all(
        servers.map((server) => server.ask("EXISTS", key).then((reply) => reply === ":1")),
      );
      const at = counts.indexOf(true);
      const [from, to] = [servers[at], servers[(at + 1) % servers.length]];
      if (from === undefined || to === undefined) throw new Error("No master has the key.");
      const [fromId, toId] = await Promise.all([cli(from, "CLUSTER", "MYID"), cli(to, "CLUSTER", "MYID")]);
      await cli(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", fromId);
      await cli(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", toId);
      for (;;) {
        const keys = (await cli(from, "CLUSTER", "GETKEYSINSLOT", slot, "100")).split("\n").filter(Boolean);
        if (keys.length === 0) break;
        await cli(from, "MIGRATE", "127.0.0.1", String(to.port), "", "0", "5000", "KEYS", ...keys);
      }
      await cli(to, "CLUSTER", "SETSLOT", slot, "NODE", toId);
      for (const server of servers) await cli(server, "CLUSTER", "SETSLOT", slot, "NODE", toId);
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
