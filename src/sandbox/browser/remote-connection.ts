import { messageOf, OptimizerError } from "../../base/errors.ts";
import { pause } from "../../base/waits.ts";
import type { RuntimeCommand } from "../../protocol/guest-protocol.ts";
import {
  type Hello,
  type HostFrame,
  type PageFrame,
  parseHostFrame,
  parseWelcome,
  REMOTE_PROTOCOL,
  REMOTE_SUBPROTOCOL,
  type RemoteBroker,
  type RemoteError,
  type RemoteTraits,
  TOKEN_SUBPROTOCOL,
  type Welcome,
} from "../../protocol/remote-frames.ts";
import { FrameLink } from "../frame-link.ts";
import type { DeathListener, DeathReason, GuestChannel } from "../guest-run.ts";
import type { Limits } from "../limits.ts";
import { closedError } from "../worker-pool.ts";
import { socketAddress } from "./remote-address.ts";

/** How long a host may take to answer. Milliseconds. */
const CONNECT_MS = 10_000;
/** From one try to the next. Milliseconds. */
const RETRY_MS = 300;

/** A runtime on a host ends its run in time by itself; its messages travel. Milliseconds. */
const GRACE_MS = 2_000;

interface Live {
  readonly id: string;
  readonly link: FrameLink<PageFrame>;
  socket: WebSocket;
}

/** A socket that the host has answered on. */
interface Greeted {
  readonly socket: WebSocket;
  readonly welcome: Extract<Welcome, { readonly type: "welcome" }>;
  /** What the host sent since then, in its order. */
  readonly early: readonly string[];
}

/** The one way of a page to a host: opened by the first run, and found again when it breaks while programs run. */
export class RemoteConnection {
  readonly #address: URL;
  readonly #token: string;
  readonly #reconnectMs: number;
  readonly #channels = new Map<number, RemoteChannel>();
  #lastChannel = 0;
  #live: Live | undefined;
  #connecting: Promise<Live> | undefined;
  readonly #closing = new AbortController();
  #lent: RemoteTraits | undefined;

  constructor(url: string, token: string, reconnectMs: number) {
    this.#address = socketAddress(url);
    this.#token = token;
    this.#reconnectMs = reconnectMs;
  }

  /** What the host lends, as it said last. */
  get lent(): RemoteTraits | undefined {
    return this.#lent;
  }

  /** Rejects with 500 `sandbox_unavailable` when there is no host, and with what the host refuses. */
  async connect(): Promise<void> {
    await this.#connect();
  }

  /** Opens a channel for one program. Rejects as `connect` does, and with what the host refuses, such as 429 `too_many_runs`. */
  async open({ limits, ...options }: OpenOptions, signal: AbortSignal): Promise<RemoteChannel> {
    const { link } = await this.#connect();
    this.#lastChannel += 1;
    const number = this.#lastChannel;
    const channel = new RemoteChannel({
      send: (frame) => this.#send({ ...frame, channel: number }),
      onEnd: () => this.#channels.delete(number),
    });
    this.#channels.set(number, channel);
    link.send({ type: "open", channel: number, ...options, limits: { ...limits } });
    const abort = (): void => channel.kill();
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    try {
      await channel.ready;
    } finally {
      signal.removeEventListener("abort", abort);
    }
    return channel;
  }

  close(): void {
    this.#closing.abort();
    this.#lose("The sandbox was closed.");
  }

  #send(frame: PageFrame): void {
    try {
      this.#live?.link.send(frame);
    } catch (error) {
      this.#lose(messageOf(error));
    }
  }

  #connect(): Promise<Live> {
    if (this.#closing.signal.aborted) throw closedError();
    if (this.#live !== undefined) return Promise.resolve(this.#live);
    this.#connecting ??= this.#begin().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #begin(): Promise<Live> {
    const greeted = await this.#greet({ type: "hello", protocol: REMOTE_PROTOCOL });
    const { socket, welcome } = greeted;
    if (this.#closing.signal.aborted) {
      socket.close();
      throw closedError();
    }
    const link = new FrameLink<PageFrame>((frame) => this.#receive(frame));
    const live: Live = { id: welcome.link, link, socket };
    this.#live = live;
    this.#lent = welcome.sandbox;
    this.#use(live, greeted);
    return live;
  }

  /** One socket, up to the host's answer. */
  async #greet(hello: Hello): Promise<Greeted> {
    const socket = new WebSocket(this.#address, [REMOTE_SUBPROTOCOL, `${TOKEN_SUBPROTOCOL}${this.#token}`]);
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const timer = setTimeout(() => reject(unreachable(this.#address)), CONNECT_MS);
    socket.onopen = () => socket.send(JSON.stringify(hello));
    const early: string[] = [];
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      resolve(String(data));
      socket.onmessage = (next: MessageEvent<unknown>) => early.push(String(next.data));
    };
    socket.onclose = () => reject(unreachable(this.#address));
    try {
      const welcome = parseWelcome(await promise);
      if (welcome.type === "refused") throw toError(welcome.error);
      return { socket, welcome, early };
    } catch (error) {
      socket.onclose = null;
      socket.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #use(live: Live, { welcome, early }: Greeted): void {
    const { socket, link } = live;
    const receive = (text: string): void => {
      try {
        link.receive(text);
      } catch (error) {
        this.#lose(messageOf(error), "security");
      }
    };
    socket.onmessage = ({ data }: MessageEvent<unknown>) => receive(String(data));
    socket.onclose = () => {
      if (this.#live !== live || live.socket !== socket) return;
      link.detach();
      if (this.#channels.size === 0) this.#live = undefined;
      else void this.#find(live);
    };
    link.attach((text) => socket.send(text), welcome.received);
    for (const text of early) receive(text);
  }

  /** Looks for the host until its grace is over: it keeps the programs meanwhile. */
  async #find(live: Live): Promise<void> {
    const until = performance.now() + this.#reconnectMs;
    while (this.#live === live) {
      try {
        const resume = { link: live.id, received: live.link.received };
        const greeted = await this.#greet({ type: "hello", protocol: REMOTE_PROTOCOL, resume });
        if (this.#live !== live) return greeted.socket.close();
        live.socket = greeted.socket;
        return this.#use(live, greeted);
      } catch (error) {
        const isRefused = error instanceof OptimizerError && error.kind !== UNREACHABLE;
        if (isRefused || performance.now() > until) return this.#lose(messageOf(error));
        await pause(RETRY_MS, this.#closing.signal);
      }
    }
  }

  #receive(frame: unknown): void {
    const parsed = parseHostFrame(frame);
    // What comes for a program that has ended here is late.
    this.#channels.get(parsed.channel)?.receive(parsed);
  }

  /** Gives the link up, with all that ran over it. */
  #lose(message: string, reason: DeathReason = "crashed"): void {
    const live = this.#live;
    this.#live = undefined;
    live?.link.detach();
    live?.socket.close();
    for (const channel of [...this.#channels.values()]) channel.die(message, reason);
  }
}

interface OpenOptions {
  readonly session: string;
  readonly broker: RemoteBroker;
  readonly limits: Limits;
}

interface ChannelOwner {
  readonly send: (frame: Unnumbered<PageFrame>) => void;
  readonly onEnd: () => void;
}

type Unnumbered<Frame> = Frame extends unknown ? Omit<Frame, "channel"> & { channel?: never } : never;

/** One program on the host. */
export class RemoteChannel implements GuestChannel {
  readonly graceMs = GRACE_MS;
  /** Resolves when the host takes a program; rejects with why not. */
  readonly ready: Promise<void>;
  /** Hears that the host has answered a call by itself; says whether the call waited for that. */
  onAnswered: (frame: Extract<HostFrame, { readonly type: "answered" }>) => boolean = () => false;
  readonly #opening = Promise.withResolvers<void>();
  readonly #owner: ChannelOwner;
  #alive = true;
  #onMessage: ((data: unknown) => void) | undefined;
  #onDeath: DeathListener | undefined;

  constructor(owner: ChannelOwner) {
    this.#owner = owner;
    this.ready = this.#opening.promise;
    this.ready.catch(() => undefined);
  }

  send(command: RuntimeCommand): void {
    if (!this.#alive) return;
    if (command.type === "run") {
      const { run, namespaces } = command;
      const { language, code, inputs } = command.program;
      this.#owner.send({ type: "run", run, language, code, inputs, namespaces });
    } else if (command.type === "replies") {
      this.#owner.send({ type: "replies", replies: command.replies });
    }
    // The host keeps the time by itself, and freezes nothing.
  }

  listen(onMessage: (data: unknown) => void, onDeath: DeathListener): void {
    if (!this.#alive) return onDeath("The connection to the host was lost.", "crashed");
    this.#onMessage = onMessage;
    this.#onDeath = onDeath;
  }

  unlisten(): void {
    this.#onMessage = undefined;
    this.#onDeath = undefined;
  }

  receive(frame: HostFrame): void {
    switch (frame.type) {
      case "opened":
        return this.#opening.resolve();
      case "refused":
        this.#opening.reject(toError(frame.error));
        return this.#end();
      case "message":
        return this.#onMessage?.(frame.message);
      case "answered":
        if (this.onAnswered(frame)) return;
        this.#owner.send({ type: "close" });
        return this.die("The host answered a call that is not its own.", "security");
      case "died":
        return this.die(frame.message, frame.reason);
    }
  }

  kill(): void {
    if (!this.#alive) return;
    this.#owner.send({ type: "close" });
    this.#opening.reject(new OptimizerError("The run was cancelled.", { code: 408, kind: "cancelled" }));
    this.#end();
  }

  die(message: string, reason: DeathReason): void {
    if (!this.#alive) return;
    const onDeath = this.#onDeath;
    this.#opening.reject(new OptimizerError(message, { code: 500, kind: UNREACHABLE, retryable: true }));
    this.#end();
    onDeath?.(message, reason);
  }

  #end(): void {
    this.#alive = false;
    this.unlisten();
    this.#owner.onEnd();
  }
}

const UNREACHABLE = "host_unreachable";

function unreachable(address: URL): OptimizerError {
  return new OptimizerError(`The host at ${address.host} can't be reached.`, {
    code: 500,
    kind: UNREACHABLE,
    retryable: true,
    hint: "Is it running, is its token right, and does its option `origins` name this page?",
  });
}

function toError({ code, kind, message, hint }: RemoteError): OptimizerError {
  return new OptimizerError(message, { code, kind, ...(hint === undefined ? {} : { hint }) });
}
