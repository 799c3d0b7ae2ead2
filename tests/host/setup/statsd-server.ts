import { createSocket } from "node:dgram";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { findFreePort } from "../../../demo/servers/loopback.ts";
import { startProcess } from "../../drivers/own-process.ts";
import { untilAnswers } from "./until-answers.ts";

/** A real StatsD, the one of the npm registry. */
export interface StatsdServer extends AsyncDisposable {
  readonly port: number;
  read(): Promise<StatsdState>;
}

/** What a StatsD has heard since it began. Keys are `name;tag=value;…`. */
export interface StatsdState {
  readonly packets: readonly string[];
  readonly counters: ReadonlyMap<string, number>;
  readonly gauges: ReadonlyMap<string, number>;
}

export async function startStatsd(): Promise<StatsdServer> {
  const folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-statsd-"));
  const [config, received] = [path.join(folder, "config.js"), path.join(folder, "received.jsonl")];
  const [port, manager] = [await freeUdpPort(), await findFreePort()];
  const content = {
    address: "127.0.0.1",
    port,
    mgmt_address: "127.0.0.1",
    mgmt_port: manager,
    flushInterval: 200,
    backends: [path.resolve(import.meta.dirname, "statsd-backend.cjs")],
    received,
  };
  await writeFile(config, JSON.stringify(content));
  await writeFile(received, "");
  const running = startProcess(process.execPath, [
    path.resolve(import.meta.dirname, "statsd-process.cjs"),
    config,
  ]);
  await untilAnswers("statsd", running.ended, () => connects(manager));
  return {
    port,
    read: async () => stateOf(await readFile(received, "utf8")),
    async [Symbol.asyncDispose]() {
      await running[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function stateOf(text: string): StatsdState {
  const packets: string[] = [];
  const counters = new Map<string, number>();
  const gauges = new Map<string, number>();
  // The last line may be half written.
  for (const line of text.split("\n").slice(0, -1)) {
    const entry = JSON.parse(line);
    if (entry.packet !== undefined) packets.push(entry.packet);
    for (const [key, value] of Object.entries(entry.counters ?? {}))
      counters.set(key, (counters.get(key) ?? 0) + Number(value));
    for (const [key, value] of Object.entries(entry.gauges ?? {})) gauges.set(key, Number(value));
  }
  return { packets, counters, gauges };
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    const end = (connected: boolean) => () => {
      socket.destroy();
      resolve(connected);
    };
    socket.once("connect", end(true)).once("error", end(false));
  });
}
