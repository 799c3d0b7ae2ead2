// What crosses here: the frame's first message, before its port is trusted with anything. The frame's
// script is ours; the document that a wrong URL delivers may not be.

import { type Remote, transfer, wrap } from "comlink";
import { findOptimizerError, messageOf, OptimizerError } from "../../base/errors.ts";
import { isJsonObject } from "../../base/json.ts";
import type { DeathListener, DeathReason, GuestChannel } from "../guest-run.ts";
import type { FrameCommand, FrameControl, FrameEnvelope, RuntimeAssets } from "./frame-control.ts";

/** Options of {@link SandboxFrame}. */
export interface SandboxFrameOptions {
  /**
   * Address of the static `sandbox.html`, for pages whose own content security policy would forbid
   * the script of the default, generated frame. See README, "Content security policy".
   */
  readonly url?: string;
  /** How long the frame, and each worker in it, may take to answer. Milliseconds, default 30,000. */
  readonly bootTimeoutMs?: number;
}

/** How to start one worker. */
export interface SpawnOptions {
  /** Called when the assets are loaded and compiled. */
  readonly onLoaded?: () => void;
}

/** How often a busy frame is asked whether it lives, and how long it may stay silent. Milliseconds. */
const HEARTBEAT_MS = 500;
const SILENCE_MS = 3_000;

/** Credits travel with commands; without one they go back in groups. */
const CREDIT_GROUP = 16;

const BOOT_TIMEOUT_MS = 30_000;

/**
 * The isolated frame of one page, with the workers in it.
 *
 * It opens at the first use, is shared by all runtimes, and opens anew after it died. Disposing
 * ends every worker.
 */
export class SandboxFrame implements AsyncDisposable {
  readonly #options: SandboxFrameOptions;
  #current: Opening | undefined;
  #disposed = false;

  constructor(options: SandboxFrameOptions = {}) {
    this.#options = options;
  }

  /**
   * Starts a worker. `assets` is asked once for each kind and frame, while the frame still opens.
   * Rejects with 403 `integrity` for assets that are not what the build made, and with 500 and the
   * layer that failed.
   */
  async spawn(
    kind: string,
    assets: () => Promise<RuntimeAssets>,
    options: SpawnOptions = {},
  ): Promise<FrameWorker> {
    const { frame, kinds } = this.#open();
    const loading = kinds.get(kind) ?? loadKind(frame, kind, assets());
    kinds.set(kind, loading);
    loading.catch(() => kinds.delete(kind));
    await loading;
    options.onLoaded?.();
    return (await frame).spawn(kind);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    const current = this.#current;
    this.#current = undefined;
    await current?.frame.then(
      (frame) => frame.close("The sandbox was closed."),
      () => undefined,
    );
  }

  #open(): Opening {
    if (this.#disposed) throw layerError("frame", "the sandbox was closed", "Create a new optimizer.");
    if (this.#current !== undefined) return this.#current;
    const forget = (): void => {
      this.#current = undefined;
    };
    const frame = openFrame(this.#options, forget);
    frame.catch(forget);
    this.#current = { frame, kinds: new Map() };
    return this.#current;
  }
}

/** One frame, from its start to its death. */
interface Opening {
  readonly frame: Promise<LiveFrame>;
  /** What it has loaded, or is loading. */
  readonly kinds: Map<string, Promise<void>>;
}

async function loadKind(
  frame: Promise<LiveFrame>,
  kind: string,
  assets: Promise<RuntimeAssets>,
): Promise<void> {
  try {
    const [live, loaded] = await Promise.all([frame, assets]);
    await live.load(kind, loaded);
  } catch (error) {
    throw (
      findOptimizerError(error) ??
      layerError("runtime", messageOf(error), "The assets of the sandbox could not be compiled.")
    );
  }
}

async function openFrame(options: SandboxFrameOptions, onDeath: () => void): Promise<LiveFrame> {
  const iframe = document.createElement("iframe");
  iframe.setAttribute("sandbox", "allow-scripts");
  // Inside the frame, keeper and workers may then share the memory that an interrupt is written to.
  if (crossOriginIsolated) iframe.allow = "cross-origin-isolated";
  iframe.setAttribute("aria-hidden", "true");
  iframe.title = "MCP Optimizer sandbox";
  iframe.style.display = "none";
  if (options.url === undefined) iframe.srcdoc = (await import("./frame-document.ts?frame")).default;
  else iframe.src = options.url;
  const timeoutMs = options.bootTimeoutMs ?? BOOT_TIMEOUT_MS;
  const ready = Promise.withResolvers<void>();
  const loaded = Promise.withResolvers<void>();
  iframe.addEventListener("load", () => loaded.resolve(), { once: true });
  const onMessage = ({ source, data }: MessageEvent<unknown>): void => {
    if (source !== iframe.contentWindow || !isJsonObject(data) || data.sandbox !== "ready") return;
    if (typeof data.problem === "string") ready.reject(layerError("frame", data.problem, "Nothing was run."));
    else ready.resolve();
  };
  const timer = setTimeout(() => {
    const hint =
      options.url === undefined
        ? "If the page's content security policy restricts script-src or worker-src, serve sandbox.html and write createOptimizer({ frame: new SandboxFrame({ url }) })."
        : `Check that ${options.url} delivers the sandbox.html of this package and that frame-src allows it.`;
    ready.reject(layerError("frame", `no answer within ${timeoutMs} ms`, hint));
  }, timeoutMs);
  addEventListener("message", onMessage);
  document.documentElement.append(iframe);
  try {
    await ready.promise;
    await loaded.promise;
  } catch (error) {
    iframe.remove();
    throw error;
  } finally {
    clearTimeout(timer);
    removeEventListener("message", onMessage);
  }
  const channel = new MessageChannel();
  // The frame's origin is opaque, so no target origin can name it; the window is the one that answered.
  iframe.contentWindow?.postMessage(null, "*", [channel.port2]);
  return new LiveFrame(iframe, channel.port1, timeoutMs, onDeath);
}

/** A frame that answered. */
class LiveFrame {
  readonly #iframe: HTMLIFrameElement;
  readonly #control: Remote<FrameControl>;
  readonly #bootTimeoutMs: number;
  readonly #onDeath: () => void;
  readonly #death = Promise.withResolvers<never>();
  readonly #workers = new Set<FrameWorker>();
  /** Workers of whom something is expected: while there is none, nobody asks the frame whether it lives. */
  readonly #busy = new Set<FrameWorker>();
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #closed = false;

  constructor(iframe: HTMLIFrameElement, port: MessagePort, bootTimeoutMs: number, onDeath: () => void) {
    this.#iframe = iframe;
    this.#bootTimeoutMs = bootTimeoutMs;
    this.#death.promise.catch(() => undefined);
    this.#control = wrap<FrameControl>(port);
    this.#onDeath = onDeath;
    // The frame loads once. A second load means that something navigated it.
    iframe.addEventListener("load", () => this.close("The sandbox frame was navigated."), { once: true });
  }

  async load(kind: string, assets: RuntimeAssets): Promise<void> {
    const packed = [...Object.values(assets.modules), ...Object.values(assets.files)];
    const buffers = packed.map(({ bytes }) => bytes.buffer);
    await this.#answerOf(this.#control.load(kind, transfer(assets, buffers)), true);
  }

  async spawn(kind: string): Promise<FrameWorker> {
    const { port1, port2 } = new MessageChannel();
    const worker = new FrameWorker(port1, {
      onEnd: (id) => {
        this.#workers.delete(worker);
        if (id !== undefined && !this.#closed) void this.#control.terminate(id);
      },
      onBusy: (some, busy) => {
        if (busy) this.#busy.add(some);
        else this.#busy.delete(some);
        if (this.#busy.size > 0 && !this.#closed) this.#watch();
        else this.#rest();
      },
    });
    this.#workers.add(worker);
    try {
      // A frame that answers late still hears that its worker is not wanted any more.
      const spawned = this.#control.spawn(kind, transfer(port2, [port2])).then((id) => worker.assign(id));
      await this.#answerOf(spawned, true);
      await this.#answerOf(worker.ready, false);
    } catch (error) {
      worker.kill();
      throw layerError("worker", messageOf(error), "Nothing was run.");
    }
    return worker;
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#rest();
    this.#iframe.remove();
    this.#onDeath();
    this.#death.reject(new Error(reason));
    for (const worker of [...this.#workers]) worker.die(reason, "crashed");
  }

  /** Waits for an answer, but not longer than a boot may take and not for a dead frame. A frame that fails is closed. */
  async #answerOf<T>(answer: Promise<T>, ofFrame: boolean): Promise<T> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(new Error(`no answer within ${this.#bootTimeoutMs} ms`));
      if (ofFrame) this.close("The sandbox frame gave no answer.");
    }, this.#bootTimeoutMs);
    try {
      return await Promise.race([answer, late.promise, this.#death.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Asks the frame in intervals whether it lives: a crashed renderer sends no event. */
  #watch(): void {
    if (this.#heartbeat !== undefined) return;
    let lastAnswer = performance.now();
    let lastTick = performance.now();
    this.#heartbeat = setInterval(() => {
      const now = performance.now();
      // A page that slept itself has no right to call the frame silent.
      if (now - lastTick > 2 * HEARTBEAT_MS) lastAnswer = now;
      lastTick = now;
      if (now - lastAnswer > SILENCE_MS) return this.close("The sandbox frame died.");
      void this.#control.ping().then(() => {
        lastAnswer = performance.now();
      });
    }, HEARTBEAT_MS);
  }

  #rest(): void {
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
  }
}

/** What a worker tells of itself. */
export interface FrameWorkerOwner {
  /** The worker is gone; `id` names it to the frame, once the frame has told. */
  onEnd(id: number | undefined): void;
  /** Whether somebody listens to it. */
  onBusy(worker: FrameWorker, busy: boolean): void;
}

/** One worker in the frame, seen from the page. */
export class FrameWorker implements GuestChannel {
  readonly ready: Promise<void>;
  readonly #port: MessagePort;
  readonly #owner: FrameWorkerOwner;
  #id: number | undefined;
  #dead = false;
  /** Messages that the worker has not yet been given credit for. */
  #uncredited = 0;
  #onMessage: ((data: unknown) => void) | undefined;
  #onDeath: DeathListener | undefined;

  constructor(port: MessagePort, owner: FrameWorkerOwner) {
    this.#port = port;
    this.#owner = owner;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    promise.catch(() => undefined);
    this.listen(
      (data) => {
        this.unlisten();
        if (data === READY) resolve();
        else reject(new Error(typeof data === "string" ? data.slice(0, 300) : "the worker sent no text"));
      },
      (message) => reject(new Error(message)),
    );
    port.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (isJsonObject(data) && typeof data.message === "string")
        return this.die(data.message, data.ended === "flood" ? "security" : "crashed");
      // Between two runs a worker has nothing to say: one that does is no longer what we started.
      if (this.#onMessage === undefined) return this.die("The worker spoke out of turn.", "security");
      this.#uncredited += 1;
      this.#onMessage(data);
      if (this.#uncredited >= CREDIT_GROUP) this.#post({});
    };
  }

  get alive(): boolean {
    return !this.#dead;
  }

  assign(id: number): void {
    this.#id = id;
    if (this.#dead) this.#owner.onEnd(id);
  }

  send(command: FrameCommand): void {
    this.#post({ command });
  }

  listen(onMessage: (data: unknown) => void, onDeath: DeathListener): void {
    if (this.#dead) return onDeath("The worker is dead.", "crashed");
    this.#onMessage = onMessage;
    this.#onDeath = onDeath;
    this.#owner.onBusy(this, true);
  }

  unlisten(): void {
    this.#onMessage = undefined;
    this.#onDeath = undefined;
    this.#owner.onBusy(this, false);
  }

  #post(content: Omit<FrameEnvelope, "credits">): void {
    if (this.#dead) return;
    const credits = this.#uncredited;
    this.#uncredited = 0;
    this.#port.postMessage({ credits, ...content } satisfies FrameEnvelope);
  }

  kill(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#port.onmessage = null;
    this.#port.close();
    this.#owner.onBusy(this, false);
    this.#owner.onEnd(this.#id);
  }

  /** The worker ended by itself or was ended by the frame. */
  die(message: string, reason: DeathReason): void {
    const onDeath = this.#onDeath;
    this.kill();
    onDeath?.(message, reason);
  }
}

const READY = JSON.stringify({ type: "ready" });

function layerError(layer: string, problem: string, hint: string): OptimizerError {
  return new OptimizerError(`The sandbox could not be set up: ${layer}: ${problem}`, {
    code: 500,
    kind: "sandbox_unavailable",
    hint,
    retryable: true,
  });
}
