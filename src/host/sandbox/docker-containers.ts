import { randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import { messageOf, OptimizerError } from "../../base/errors.ts";
import { pause, settleBefore } from "../../base/waits.ts";
import { NO_MEMORY, ProcessChannel } from "../../sandbox/process-channel.ts";
import { containerConfig } from "./container-config.ts";
import type { DockerEngine } from "./docker-engine.ts";
import { requireSandboxImage, type SandboxImage } from "./docker-image.ts";
import { readStdout } from "./docker-stream.ts";
import { hostIdentity, isDeadHost } from "./host-identity.ts";
import type { PlaceLimits } from "./host-sandbox.ts";
import type { RunnerLanguage } from "./runners.ts";
import type { SandboxProcess } from "./sandbox-process.ts";
import { requireSeccompArchitecture, seccompProfile } from "./seccomp.ts";

export interface DockerContainersOptions {
  readonly engine: DockerEngine;
  readonly image: string;
  readonly limits: PlaceLimits;
  readonly cpus: number;
  /** A runtime of the daemon's that brings a kernel of its own. */
  readonly kernelRuntime: string | undefined;
}

/** What was found when the daemon was last met. It counts until the daemon is lost. */
export interface DockerGround {
  readonly image: SandboxImage;
  readonly seccomp: string;
  readonly apparmor: string | undefined;
  /** Release of the machine's kernel. */
  readonly kernel: string;
  /** Aborts with the reason when the daemon is gone, or silent. */
  readonly lost: AbortSignal;
}

interface StartedContainer {
  readonly name: string;
  readonly streams: Duplex;
  readonly lost: AbortSignal;
  readonly limits: PlaceLimits;
}

interface LivingContainer {
  readonly channel: ProcessChannel;
  readonly limits: PlaceLimits;
}

interface ContainerExit {
  readonly code: number;
  readonly outOfMemory: boolean;
}

const PREFIX = "mcp-optimizer";
/** Which host process a container belongs to. */
const HOST_LABEL = `${PREFIX}.host`;
/** Which sandbox within that process. */
const USE_LABEL = `${PREFIX}.use`;

/** One that was created that long ago and does not run was left behind: nobody waits so long to start it. Milliseconds. */
const FORGOTTEN_MS = 60 * 60_000;

/** How often the daemon is asked for a sign of life while it has containers of ours. Milliseconds. */
const HEARTBEAT_MS = 1_000;

/** Processor time is read no more often than this. Milliseconds. */
const METER_MS = 100;

/** How long after its last output a container may take to be over. Milliseconds. */
const ENDING_MS = 2_000;
const LOOK_AGAIN_MS = 25;

/** How long the daemon may take to tell that memory ran out, once the container is over. Milliseconds. */
const MEMORY_NEWS_MS = 300;

/** A removal that the daemon could not do is tried again after this. Milliseconds. */
const REMOVE_AGAIN_MS = 500;

/** How late a daemon may create what nobody waits for any more. Milliseconds. */
const LATE_MS = 10_000;

/** The share of its memory that counts as all of it. */
const FULL = 63 / 64;

const KILLED = 128 + 9;

/** The containers of one sandbox: each is started, serves one run, and is removed for certain. */
export class DockerContainers {
  readonly #options: DockerContainersOptions;
  readonly #labels = { [HOST_LABEL]: identity(), [USE_LABEL]: randomUUID() };
  readonly #living = new Map<string, LivingContainer>();
  /** What was created, or may have been, and is not removed yet. */
  readonly #names = new Set<string>();
  /** Those on gVisor that had no memory left when they were last looked at. */
  readonly #full = new Set<string>();
  readonly #closing = new AbortController();
  #ground: Promise<DockerGround> | undefined;
  #lose: (reason: Error) => void = () => undefined;
  #heartbeat: ReturnType<typeof setTimeout> | undefined;

  constructor(options: DockerContainersOptions) {
    this.#options = options;
  }

  /** Meets the daemon: its version, what it can do, the image; and removes what hosts that are gone left behind. */
  ground(): Promise<DockerGround> {
    this.#ground ??= this.#meet().catch((error: unknown) => {
      this.#ground = undefined;
      throw error;
    });
    return this.#ground;
  }

  /** Starts a container that no program has run in. */
  async start(runner: RunnerLanguage, limits = this.#options.limits): Promise<SandboxProcess> {
    const { engine, cpus, kernelRuntime } = this.#options;
    const { image, seccomp, apparmor, lost } = await this.ground();
    const name = `${PREFIX}-${randomUUID()}`;
    this.#names.add(name);
    const config = containerConfig({
      imageId: image.id,
      runner,
      limits,
      cpus,
      labels: this.#labels,
      seccomp,
      ...(apparmor !== undefined && { apparmor }),
      ...(kernelRuntime !== undefined && { kernelRuntime }),
    });
    const starting = new AbortController();
    this.#watch();
    try {
      const begin = async (): Promise<Duplex> => {
        await engine.create(name, config);
        starting.signal.throwIfAborted();
        const streams = await engine.attach(name);
        starting.signal.addEventListener("abort", () => streams.destroy(), { once: true });
        streams.on("error", () => undefined);
        starting.signal.throwIfAborted();
        await engine.start(name);
        return streams;
      };
      const streams = await settleBefore(begin(), lost);
      return this.#adopt({ name, streams, lost, limits });
    } catch (error) {
      starting.abort();
      void this.#remove(name);
      // A daemon that hung may do what it was asked for when it goes on.
      void pause(LATE_MS, this.#closing.signal).then(() => this.#sweep());
      throw error;
    }
  }

  /** Removes what is left. Nothing is started after that. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#heartbeat);
    await Promise.all([...this.#names].map((name) => this.#removeOnce(name)));
    this.#closing.abort();
  }

  async #meet(): Promise<DockerGround> {
    const { engine, image, kernelRuntime } = this.#options;
    await engine.negotiate();
    const facts = await engine.facts();
    const { security, missing, runtimes } = facts;
    if (!security.includes("seccomp")) throw unfit("it has no seccomp, the filter of system calls");
    if (missing.length > 0) throw unfit(`it can't limit ${missing.join(", ")} on this machine`);
    if (kernelRuntime !== undefined && !runtimes.includes(kernelRuntime)) {
      throw unfit(`it has no runtime ${kernelRuntime}`, "Add it to the `runtimes` of its daemon.json.");
    }
    const found = await requireSandboxImage(engine, image);
    const losing = new AbortController();
    this.#lose = (reason) => losing.abort(reason);
    void this.#sweep();
    return {
      image: found,
      seccomp: JSON.stringify(
        seccompProfile(requireSeccompArchitecture(ARCHITECTURES.get(facts.architecture) ?? "")),
      ),
      apparmor: security.includes("apparmor") ? "docker-default" : undefined,
      kernel: facts.kernel,
      lost: losing.signal,
    };
  }

  #adopt({ name, streams, lost, limits }: StartedContainer): SandboxProcess {
    const over = Promise.withResolvers<void>();
    const removed = Promise.withResolvers<void>();
    if (streams.closed) over.resolve();
    else streams.once("close", over.resolve);
    const ended = new AbortController();
    const end = (): void => {
      if (ended.signal.aborted) return;
      ended.abort();
      streams.destroy();
      this.#living.delete(name);
      this.#full.delete(name);
      void this.#remove(name).then(removed.resolve);
    };
    const exit = settleBefore(
      over.promise.then(() => this.#exitOf(name)),
      lost,
    );
    const channel = new ProcessChannel({
      output: ReadableStream.from(readStdout(streams)),
      exit: exit.then(({ code }) => code),
      ranOutOfMemory: async () => (await exit).outOfMemory,
      write: (text) => void streams.write(text),
      kill: end,
    });
    this.#living.set(name, { channel, limits });
    void this.#meter(name, channel, limits.cpuSeconds, ended.signal);
    exit.then(end, end);
    return { channel, gone: removed.promise };
  }

  /** How a container ended whose streams have. */
  async #exitOf(name: string): Promise<ContainerExit> {
    const { engine } = this.#options;
    let facts = await engine.inspect(name);
    const until = performance.now() + ENDING_MS;
    while (facts?.running && performance.now() < until) {
      await pause(LOOK_AGAIN_MS, this.#closing.signal);
      facts = await engine.inspect(name);
    }
    if (facts?.exitCode === KILLED && !facts.outOfMemory) {
      await pause(MEMORY_NEWS_MS, this.#closing.signal);
      facts = await engine.inspect(name);
    }
    return { code: facts?.exitCode ?? KILLED, outOfMemory: facts?.outOfMemory === true };
  }

  /**
   * Ends a container whose processes have used their processor time together. It is looked at when it could have:
   * no more than `cpus` seconds in each second. Never rejects.
   */
  async #meter(name: string, channel: ProcessChannel, cpuSeconds: number, ended: AbortSignal): Promise<void> {
    const { engine, cpus } = this.#options;
    let used = 0;
    while (used < cpuSeconds) {
      await pause(Math.max(((cpuSeconds - used) / cpus) * 1_000, METER_MS), ended);
      if (ended.aborted) return;
      used = await engine.usage(name).then(
        ({ cpuSeconds: now }) => now,
        () => used,
      );
    }
    channel.die(`The program used its ${cpuSeconds} seconds of processor time.`);
  }

  /** Asks the daemon for a sign of life as long as something of ours depends on it. */
  #watch(): void {
    if (this.#closing.signal.aborted) return;
    this.#heartbeat ??= setTimeout(() => void this.#beat(), HEARTBEAT_MS).unref();
  }

  async #beat(): Promise<void> {
    try {
      await this.#options.engine.ping();
      await this.#lookForMemory();
    } catch (error) {
      this.#forget(error instanceof Error ? error : new Error(messageOf(error)));
    }
    this.#heartbeat = undefined;
    if (this.#names.size > 0) this.#watch();
  }

  /**
   * Ends a sandbox on gVisor whose memory is used up. The machine's kernel then ends one of gVisor's processes, for
   * which the others wait for ever, and nobody tells the daemon.
   */
  async #lookForMemory(): Promise<void> {
    const { engine, kernelRuntime } = this.#options;
    if (kernelRuntime === undefined) return;
    for (const [name, { channel, limits }] of this.#living) {
      const { memoryBytes } = await engine.usage(name);
      if (memoryBytes < limits.memoryBytes * FULL) this.#full.delete(name);
      else if (this.#full.has(name)) channel.die(NO_MEMORY, "memory");
      else this.#full.add(name);
    }
  }

  #forget(reason: Error): void {
    this.#ground = undefined;
    this.#lose(reason);
    for (const { channel } of this.#living.values()) channel.die(reason.message);
  }

  /** Removes a container, however long the daemon is away. Never rejects. */
  async #remove(name: string): Promise<void> {
    while (!this.#closing.signal.aborted && !(await this.#removeOnce(name))) {
      await pause(REMOVE_AGAIN_MS, this.#closing.signal);
    }
  }

  async #removeOnce(name: string): Promise<boolean> {
    const { engine } = this.#options;
    try {
      await engine.remove(name);
      if ((await engine.inspect(name)) !== undefined) return false;
      this.#names.delete(name);
      return true;
    } catch {
      return false;
    }
  }

  /** Removes the containers of hosts that are gone, and our own that nobody knows any more. Never rejects. */
  async #sweep(): Promise<void> {
    const { engine } = this.#options;
    try {
      for (const [id, container] of await engine.list(HOST_LABEL)) {
        const { name, labels, running, createdMs } = container;
        const own = labels.get(USE_LABEL) === this.#labels[USE_LABEL];
        const lost = own
          ? !this.#names.has(name)
          : isDeadHost(labels.get(HOST_LABEL) ?? "") || (!running && Date.now() - createdMs > FORGOTTEN_MS);
        if (lost) await engine.remove(id);
      }
    } catch {
      // The next time that the daemon is met it is tried again.
    }
  }
}

/** As Go names processors, and as Node does. */
const ARCHITECTURES: ReadonlyMap<string, string> = new Map([
  ["amd64", "x64"],
  ["arm64", "arm64"],
]);

/** Where the system does not tell which process we are, nobody can tell later whether it lives. */
function identity(): string {
  try {
    return hostIdentity();
  } catch {
    return "unknown";
  }
}

function unfit(problem: string, hint = "Use another sandbox on this machine."): OptimizerError {
  return new OptimizerError(`The Docker daemon can't hold programs: ${problem}.`, {
    code: 500,
    kind: "docker_unfit",
    hint,
  });
}
