// Nobody has run this with the real firecracker: where it was written there was neither its binary nor a usable
// /dev/kvm. It follows Firecracker's published API and jailer (1.7 and later), and a contract test holds it to that.

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { accessSync, constants } from "node:fs";
import { chown, copyFile, mkdir, rm } from "node:fs/promises";
import { request } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import path from "node:path";
import { Readable } from "node:stream";
import { OptimizerError } from "../../base/errors.ts";
import type { Json } from "../../base/json.ts";
import { pause, settleBefore } from "../../base/waits.ts";
import { ProcessChannel } from "../../sandbox/process-channel.ts";
import { readText } from "./docker-transport.ts";
import { findExecutable } from "./find-executable.ts";
import { type HostSandbox, PLACE_LIMITS, type PlaceLimits, type Wall } from "./host-sandbox.ts";
import { probePlace } from "./probe-place.ts";
import { createProcessSandbox, type PoolOptions } from "./process-sandbox.ts";
import type { RunnerLanguage } from "./runners.ts";
import type { SandboxProcess } from "./sandbox-process.ts";

/** Options of {@link firecracker}. */
export interface FirecrackerOptions extends PoolOptions {
  /** An uncompressed Linux kernel with virtio-mmio, ext4 and vsock. */
  readonly kernel: string;
  /**
   * An ext4 image with the files of our container image (`docker export`, `mkfs.ext4 -d`), whose init is then
   * `/opt/mcp-optimizer/init.py`.
   * Shared by all microVMs, read-only.
   */
  readonly rootfs: string;
  /** User and group that each microVM's process becomes. Not root. */
  readonly uid: number;
  readonly gid: number;
  /** Default: `firecracker` and `jailer` on the path. */
  readonly firecracker?: string;
  readonly jailer?: string;
  /** Where jails are made; on one file system with enough room. Default `/srv/jailer`. */
  readonly jails?: string;
  /** What one microVM may use. Default: {@link PLACE_LIMITS}. */
  readonly limits?: Partial<PlaceLimits>;
  /** Walls that may be missing here. */
  readonly accept?: readonly Wall[];
}

const MIB = 1024 * 1024;
/** What Linux takes as the path of a socket (`sun_path`, less its end). */
const SOCKET_PATH_BYTES = 107;
const START_MS = 5_000;
const LOOK_AGAIN_MS = 5;

/** The port of the host's that a guest calls when its runner begins. */
const RUNNER_PORT = 52;
const GUEST_CID = 3;

/** JavaScript, TypeScript and Python in Firecracker's microVMs: one for each run. Linux on hardware with KVM, as root. */
export function firecracker(options: FirecrackerOptions): HostSandbox {
  const limits = { ...PLACE_LIMITS, ...options.limits };
  return createProcessSandbox({
    ...options,
    name: "firecracker",
    strength: "vm",
    runners: ["javascript", "python"],
    enforces: { time: "hard", memory: "hard", network: "hard", storage: "hard" },
    start: (runner, place = limits) => startMicrovm(options, runner, place),
    probe: (run) =>
      probePlace({
        strength: "vm",
        run,
        accept: options.accept ?? [],
        hint: "Install Firecracker and its jailer on a Linux machine with KVM, and run the host as root.",
        require: async () => {
          const missing = findMissing(options);
          if (missing.length > 0) throw new Error(missing.join("; "));
        },
      }),
  });
}

/** All that this machine lacks, each in words for people. */
export function findMissing({ kernel, rootfs, ...options }: FirecrackerOptions): readonly string[] {
  const commands = [options.firecracker ?? "firecracker", options.jailer ?? "jailer"];
  const may = (file: string, mode: number): boolean => {
    try {
      accessSync(file, mode);
      return true;
    } catch {
      return false;
    }
  };
  return [
    ...(process.platform === "linux" ? [] : ["Firecracker is for Linux"]),
    ...(process.getuid?.() === 0 ? [] : ["the jailer needs root"]),
    ...(may("/dev/kvm", constants.R_OK | constants.W_OK) ? [] : ["/dev/kvm can't be opened"]),
    ...commands.filter((name) => findExecutable(name) === undefined).map((name) => `there is no ${name}`),
    ...[kernel, rootfs].filter((file) => !may(file, constants.R_OK)).map((file) => `${file} can't be read`),
  ];
}

export async function startMicrovm(
  options: FirecrackerOptions,
  runner: RunnerLanguage,
  limits: PlaceLimits,
): Promise<SandboxProcess> {
  const { uid, gid, jails = "/srv/jailer" } = options;
  const executable = findExecutable(options.firecracker ?? "firecracker");
  const jailer = findExecutable(options.jailer ?? "jailer");
  if (executable === undefined || jailer === undefined) throw new Error(findMissing(options).join("; "));
  const id = randomUUID();
  // What the jailer makes its own: `<base>/<name of the executable>/<id>/root`.
  const jail = path.join(jails, path.basename(executable), id);
  const root = path.join(jail, "root");
  const socket = path.join(root, `vsock_${RUNNER_PORT}`);
  const length = Buffer.byteLength(socket);
  if (length > SOCKET_PATH_BYTES) {
    throw new Error(
      `${socket} is too long for a socket, by ${length - SOCKET_PATH_BYTES} bytes: choose shorter \`jails\``,
    );
  }
  const own = async (source: string, name: string): Promise<void> => {
    await copyFile(source, path.join(root, name), constants.COPYFILE_FICLONE);
    await chown(path.join(root, name), uid, gid);
  };
  const starting = AbortSignal.timeout(START_MS);
  await mkdir(root, { recursive: true });
  await own(options.kernel, "kernel");
  await own(options.rootfs, "rootfs");
  // A guest that calls a port of the host's finds it as a socket beside the device's.
  const calls = await listen(socket, uid, gid);
  const flags = ["--id", id, "--exec-file", executable, "--uid", String(uid), "--gid", String(gid)];
  const bounds = ["--resource-limit", `fsize=${limits.diskBytes}`, "--resource-limit", "no-file=256"];
  const child = spawn(jailer, [...flags, "--chroot-base-dir", jails, ...bounds, "--", "--api-sock", "/api"], {
    env: {},
    stdio: "ignore",
    detached: true,
  });
  const exit = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 128));
  });
  const end = async (): Promise<void> => {
    calls.close();
    await rm(jail, { recursive: true, force: true });
  };
  const gone = exit.then(end, end).catch(() => undefined);
  try {
    const called = new Promise<Socket>((resolve) => calls.once("connection", resolve));
    const api = path.join(root, "api");
    const begin = async (): Promise<Socket> => {
      for (const [resource, body] of microvmRequests(runner, limits))
        await put(api, resource, body, starting);
      return called;
    };
    const early = exit.then((code): never => {
      throw new Error(`the jailer ended with exit code ${code}`);
    });
    const stream = await settleBefore(Promise.race([begin(), early]), starting);
    stream.setEncoding("utf8");
    stream.on("error", () => undefined);
    const channel = new ProcessChannel({
      output: Readable.toWeb(stream) as ReadableStream<string>,
      exit,
      write: (text) => void stream.write(text),
      kill: () => void child.kill("SIGKILL"),
    });
    return { channel, gone };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

/** What the API is asked for, in its order: each resource and its body. */
function microvmRequests(
  runner: RunnerLanguage,
  limits: PlaceLimits,
): readonly (readonly [resource: string, body: Json])[] {
  const init = "init=/usr/local/bin/python3 -- -I /opt/mcp-optimizer/init.py";
  const settings = `${runner} ${limits.diskBytes} ${limits.processes} ${limits.fileHandles}`;
  return [
    ["/machine-config", { vcpu_count: 1, mem_size_mib: Math.floor(limits.memoryBytes / MIB), smt: false }],
    [
      "/boot-source",
      {
        kernel_image_path: "/kernel",
        boot_args: `console=off reboot=k panic=1 pci=off ro ${init} ${settings}`,
      },
    ],
    [
      "/drives/rootfs",
      { drive_id: "rootfs", path_on_host: "/rootfs", is_root_device: true, is_read_only: true },
    ],
    ["/vsock", { guest_cid: GUEST_CID, uds_path: "/vsock" }],
    ["/actions", { action_type: "InstanceStart" }],
  ];
}

async function listen(file: string, uid: number, gid: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(file, resolve));
  await chown(file, uid, gid);
  return server;
}

/** One request, as soon as the API's socket is there. */
async function put(socketPath: string, resource: string, body: Json, signal: AbortSignal): Promise<void> {
  for (;;) {
    const { status, text } = await send(socketPath, resource, JSON.stringify(body), signal);
    if (status === 204) return;
    if (status !== undefined) {
      throw new OptimizerError(`Firecracker refused ${resource} (${status}): ${text}`, {
        code: 500,
        kind: "firecracker_refused",
      });
    }
    await pause(LOOK_AGAIN_MS, signal);
    signal.throwIfAborted();
  }
}

function send(
  socketPath: string,
  resource: string,
  body: string,
  signal: AbortSignal,
): Promise<{ readonly status?: number; readonly text: string }> {
  return new Promise((resolve) => {
    const headers = { "content-type": "application/json", accept: "application/json" };
    const options = { socketPath, method: "PUT", path: resource, headers, agent: false, signal } as const;
    const fail = (error: Error): void => resolve({ text: error.message });
    const open = request(options, (response) => {
      readText(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), fail);
    });
    open.once("error", fail);
    open.end(body);
  });
}
