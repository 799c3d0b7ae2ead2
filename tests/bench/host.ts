// How long a trivial program takes in each sandbox of a host, and how many run in a second: one sandbox for one run.

import { execFile } from "node:child_process";
import { loadavg } from "node:os";
import { inspect, promisify } from "node:util";
import { basic } from "../../src/host/sandbox/basic.ts";
import { bubblewrap } from "../../src/host/sandbox/bubblewrap.ts";
import { buildSandboxImage } from "../../src/host/sandbox/build-image.ts";
import { docker } from "../../src/host/sandbox/docker.ts";
import { gvisor } from "../../src/host/sandbox/gvisor.ts";
import type { HostSandbox } from "../../src/host/sandbox/host-sandbox.ts";
import type { PoolOptions } from "../../src/host/sandbox/process-sandbox.ts";
import { wasm } from "../../src/host/sandbox/wasm.ts";
import { resolveLimits } from "../../src/sandbox/limits.ts";
import { findDockerBinaries } from "../docker/setup/docker-binaries.ts";
import { type DockerBinaries, DockerDaemon } from "../drivers/docker-daemon.ts";
import { loadPeers, type Peer } from "./host-peers.ts";

type OpenSandbox = (options: PoolOptions) => HostSandbox;

/** What is measured everywhere, by its name in the table. */
const SANDBOXES: ReadonlyMap<string, OpenSandbox> = new Map([
  ["bubblewrap", (options) => bubblewrap(options)],
  ["wasm", (options) => wasm(options)],
  ["basic", (options) => basic({ ...options, iKnowThatThisIsNoSandbox: true })],
] as const satisfies readonly (readonly [string, OpenSandbox])[]);

const SAMPLES = 30;
const LANES = 4;
const RUNS_IN_ALL = 100;

const PROGRAMS = { javascript: "6 * 7", python: "6 * 7" } as const;

interface Row {
  readonly name: string;
  /** Milliseconds. */
  readonly ready: readonly number[];
  readonly nothingReady: readonly number[];
  readonly perSecond: number;
}

/** Measures all that can be used here, and prints a table. `peers` is a folder with their packages, or empty. */
export async function measureHost(peers: string): Promise<void> {
  const chosen = process.env["BENCH_ONLY"]?.split(",");
  console.log(`load ${loadavg()[0]?.toFixed(1)} at the start`);
  console.log(
    `\nA program that adds up, ms as min / median / p90 of ${SAMPLES}; ${RUNS_IN_ALL} runs in ${LANES} lanes`,
  );
  console.log("| | from the ready pool | with nothing ready | runs a second |\n| --- | --- | --- | --- |");
  const measure = async (name: string, create: OpenSandbox): Promise<void> => {
    if (chosen !== undefined && !chosen.includes(name)) return;
    for (const language of ["javascript", "python"] as const) {
      const row = await measureSandbox(name, create, language).catch(
        (error: unknown) => `${name} failed: ${inspect(error)}`,
      );
      console.log(typeof row === "string" ? row : toLine(row));
    }
  };
  for (const [name, create] of SANDBOXES) await measure(name, create);
  for (const peer of peers === "" ? [] : await loadPeers(peers)) {
    if (typeof peer === "string") console.log(peer);
    else if (chosen?.includes(peer.name) ?? true) console.log(toLine(await measurePeer(peer)));
  }
  const binaries = await findDockerBinaries();
  if (typeof binaries === "string") console.log(`docker and gvisor can't be measured: ${binaries}`);
  else if (chosen?.some((name) => /docker|gvisor/.test(name)) ?? true) {
    await using daemon = await DockerDaemon.start(binaries);
    const { address } = daemon;
    const { id } = await buildSandboxImage({ address, fromLocalFiles: true });
    await measure("docker", (options) => docker({ ...options, address }));
    const { runsc } = binaries;
    if (runsc !== undefined) await measure("gvisor", (options) => gvisor({ ...options, runsc }));
    for (const peer of rawDocker(binaries, address, id)) {
      if (chosen?.includes(peer.name) ?? true) console.log(toLine(await measurePeer(peer)));
    }
  }
  console.log(`load ${loadavg()[0]?.toFixed(1)} at the end`);
}

async function measureSandbox(
  name: string,
  create: (options: PoolOptions) => HostSandbox,
  language: keyof typeof PROGRAMS,
): Promise<Row | string> {
  await using warm = create({});
  if (!warm.traits.languages.includes(language)) return `${name} runs no ${language} here`;
  const probe = await warm.probe();
  if (!probe.usable) return `${name} can't be used: ${probe.reason}`;
  const ready: number[] = [];
  await runOnce(warm, language);
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    await new Promise((resolve) => setTimeout(resolve, 400));
    await warm.prepare();
    ready.push(await runOnce(warm, language));
  }
  const started = performance.now();
  await inLanes(() => runOnce(warm, language));
  const perSecond = RUNS_IN_ALL / ((performance.now() - started) / 1000);
  await using cold = create({ spares: 0 });
  await runOnce(cold, language);
  const nothingReady: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample += 1) nothingReady.push(await runOnce(cold, language));
  return { name: `${name}() ${language}`, ready, nothingReady, perSecond };
}

/** The command line of Docker, with the same image. */
function rawDocker({ search }: DockerBinaries, address: string, image: string): readonly Peer[] {
  const programs = {
    node: ["node", "-p", "6 * 7"],
    python3: ["python3", "-I", "-c", "print(6 * 7)"],
  } as const;
  return Object.entries(programs).map(([name, [entry, ...args]]) => ({
    name: `raw docker run ${name}`,
    async runOnce() {
      const flags = ["--rm", "--network", "none", "--entrypoint", `/usr/local/bin/${entry}`];
      const { stdout } = await promisify(execFile)(
        "docker",
        ["-H", address, "run", ...flags, image, ...args],
        {
          env: { PATH: search },
        },
      );
      return Number(stdout);
    },
  }));
}

async function measurePeer({ name, runOnce: once }: Peer): Promise<Row> {
  const timed = async (): Promise<number> => {
    const started = performance.now();
    const value = await once();
    if (value !== 42) throw new Error(`${name} answered ${JSON.stringify(value)}`);
    return performance.now() - started;
  };
  await timed();
  const nothingReady: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample += 1) nothingReady.push(await timed());
  const started = performance.now();
  await inLanes(timed);
  const perSecond = RUNS_IN_ALL / ((performance.now() - started) / 1000);
  return { name, ready: [], nothingReady, perSecond };
}

async function runOnce(sandbox: HostSandbox, language: keyof typeof PROGRAMS): Promise<number> {
  const started = performance.now();
  const session = sandbox.open(crypto.randomUUID(), resolveLimits());
  const program = { language, code: PROGRAMS[language], inputs: "{}" };
  const outcome = await session.run(program, NOBODY, new AbortController().signal);
  if (outcome.status !== "returned" || outcome.json !== "42") throw new Error(JSON.stringify(outcome));
  return performance.now() - started;
}

const NOBODY = {
  namespaces: [],
  call: async () => ({ ok: true as const, json: "null" }),
  log() {},
  notice() {},
};

async function inLanes(once: () => Promise<number>): Promise<void> {
  let left = RUNS_IN_ALL;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await once();
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

function toLine({ name, ready, nothingReady, perSecond }: Row): string {
  return `| ${name} | ${times(ready)} | ${times(nothingReady)} | ${perSecond.toFixed(1)} |`;
}

function times(samples: readonly number[]): string {
  if (samples.length === 0) return "-";
  const sorted = samples.toSorted((one, other) => one - other);
  const quantile = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(1);
  return `${quantile(0)} / ${quantile(0.5)} / ${quantile(0.9)}`;
}
