import { OptimizerError } from "../base/errors.ts";
import type { Language } from "../protocol/guest-protocol.ts";
import {
  type Hello,
  type HostFrame,
  type PageFrame,
  parseHello,
  parsePageFrame,
  type RemoteBroker,
  type Welcome,
} from "../protocol/remote-frames.ts";
import { FrameLink } from "../sandbox/frame-link.ts";
import { type Limits, resolveLimits } from "../sandbox/limits.ts";
import type { Sandbox, SandboxSession } from "../sandbox/sandbox.ts";
import type { Admission, RunPlace } from "./admission.ts";
import type { LendBroker } from "./broker-lender.ts";
import { errorBody } from "./http/http-error.ts";
import { RemoteRun } from "./remote-run.ts";
import type { HostSandbox } from "./sandbox/host-sandbox.ts";

/** A socket to a page. */
export interface PageSocket {
  send(text: string): void;
  close(): void;
}

/** What the owner of a socket hands on. */
export interface SocketEvents {
  onText(text: string): void;
  onClose(): void;
}

export interface RemoteLinksOptions {
  /** The strongest first; each program goes to the first that runs its language. */
  readonly sandboxes: readonly HostSandbox[];
  readonly admission: Admission;
  /** The host's own servers, as the tenant may use them. */
  readonly lenderOf: (tenant: string | undefined) => LendBroker;
  /** How long a link is kept without a socket, with its programs. Milliseconds, default 30,000. */
  readonly graceMs?: number;
}

/** The sandboxes of the host, lent to pages over sockets. Disposing it ends what runs for them. */
export interface RemoteLinks extends Disposable {
  /** Takes a socket whose token was looked at. */
  accept(socket: PageSocket, tenant: string | undefined): SocketEvents;
}

const GRACE_MS = 30_000;

/** Links of one tenant; each page has one. */
const MAX_LINKS = 100;
/** Programs that one link has at one time, those included that wait for their turn. */
const MAX_CHANNELS = 256;

export function createRemoteLinks(options: RemoteLinksOptions): RemoteLinks {
  const { sandboxes, admission, lenderOf, graceMs = GRACE_MS } = options;
  const links = new Map<string, PageLink>();
  const [first] = sandboxes;
  if (first === undefined) throw new OptimizerError("There is no sandbox.", { code: 500, kind: "internal" });

  const greet = (hello: Hello, tenant: string | undefined): PageLink => {
    const { resume } = hello;
    if (resume !== undefined) {
      const known = links.get(resume.link);
      if (known !== undefined && known.tenant === tenant) return known;
      throw new OptimizerError("The host does not know this link any more.", {
        code: 400,
        kind: "unknown_link",
      });
    }
    const own = [...links.values()].filter((link) => link.tenant === tenant).length;
    if (own >= MAX_LINKS) {
      throw new OptimizerError("Too many pages are connected.", { code: 429, kind: "too_many_links" });
    }
    const onEnd = (): void => void links.delete(link.id);
    const lend = lenderOf(tenant);
    const link = new PageLink({ tenant, sandboxes, admission, lend, graceMs, onEnd });
    links.set(link.id, link);
    return link;
  };

  return {
    accept(socket, tenant) {
      let link: PageLink | undefined;
      return {
        onText(text) {
          if (link !== undefined) return link.receive(text, socket);
          try {
            const hello = parseHello(text);
            link = greet(hello, tenant);
            const welcome: Welcome = {
              type: "welcome",
              link: link.id,
              received: link.received,
              graceMs,
              sandbox: {
                name: first.traits.name,
                strength: first.strength,
                languages: [...new Set(sandboxes.flatMap(({ traits }) => traits.languages))],
              },
            };
            socket.send(JSON.stringify(welcome));
            link.attach(socket, hello.resume?.received ?? 0);
          } catch (error) {
            socket.send(JSON.stringify({ type: "refused", error: errorBody(error) } satisfies Welcome));
            socket.close();
          }
        },
        onClose() {
          link?.detach(socket);
        },
      };
    },
    [Symbol.dispose]() {
      for (const link of [...links.values()]) link.end();
    },
  };
}

interface PageLinkOptions {
  readonly tenant: string | undefined;
  readonly sandboxes: readonly HostSandbox[];
  readonly admission: Admission;
  readonly lend: LendBroker;
  readonly graceMs: number;
  readonly onEnd: () => void;
}

interface Channel extends Disposable {
  readonly session: string;
  readonly broker: RemoteBroker;
  readonly limits: Limits;
  readonly place: RunPlace;
  readonly ended: AbortController;
  run?: RemoteRun;
}

/** One page. It outlives its socket for a while. */
class PageLink {
  readonly id = crypto.randomUUID();
  readonly tenant: string | undefined;
  readonly #options: PageLinkOptions;
  readonly #link = new FrameLink<HostFrame>((frame) => this.#take(parsePageFrame(frame)));
  readonly #channels = new Map<number, Channel>();
  #socket: PageSocket | undefined;
  #leaving: ReturnType<typeof setTimeout> | undefined;

  constructor(options: PageLinkOptions) {
    this.#options = options;
    this.tenant = options.tenant;
  }

  get received(): number {
    return this.#link.received;
  }

  attach(socket: PageSocket, received: number): void {
    clearTimeout(this.#leaving);
    // A page that lost its socket may be here before the host has seen that.
    const before = this.#socket;
    this.#socket = socket;
    before?.close();
    this.#link.attach((text) => socket.send(text), received);
  }

  detach(socket: PageSocket): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    this.#link.detach();
    this.#leaving = setTimeout(() => this.end(), this.#options.graceMs);
  }

  receive(text: string, socket: PageSocket): void {
    if (this.#socket !== socket) return;
    try {
      this.#link.receive(text);
    } catch {
      this.end();
    }
  }

  end(): void {
    clearTimeout(this.#leaving);
    const socket = this.#socket;
    this.#socket = undefined;
    this.#link.detach();
    for (const channel of this.#channels.values()) channel.ended.abort();
    this.#options.onEnd();
    socket?.close();
  }

  #take(frame: PageFrame): void {
    switch (frame.type) {
      case "open":
        return this.#open(frame);
      case "run":
        return this.#run(frame);
      case "replies":
        return this.#channels.get(frame.channel)?.run?.answer(frame.replies);
      case "close":
        return this.#channels.get(frame.channel)?.ended.abort();
    }
  }

  #open({ channel, session, broker, limits }: Extract<PageFrame, { readonly type: "open" }>): void {
    try {
      if (this.#channels.has(channel)) throw new RangeError("a channel that is open");
      if (this.#channels.size >= MAX_CHANNELS) {
        throw new OptimizerError("Too many programs are open.", { code: 429, kind: "too_many_runs" });
      }
      const resolved = resolveLimits(limits);
      const place = this.#options.admission.enterRun(this.tenant);
      const ended = new AbortController();
      const opened: Channel = {
        session,
        broker,
        limits: resolved,
        place,
        ended,
        [Symbol.dispose]: () => {
          this.#channels.delete(channel);
          place[Symbol.dispose]();
        },
      };
      // A page that opens a channel and never runs anything in it does not keep the place.
      ended.signal.addEventListener("abort", () => opened.run === undefined && opened[Symbol.dispose]());
      this.#channels.set(channel, opened);
      this.#send({ type: "opened", channel });
    } catch (error) {
      if (error instanceof RangeError) throw error;
      this.#send({ type: "refused", channel, error: errorBody(error) });
    }
  }

  #run(frame: Extract<PageFrame, { readonly type: "run" }>): void {
    const channel = this.#channels.get(frame.channel);
    if (channel === undefined || channel.run !== undefined) return;
    const run = new RemoteRun(frame, (answer) => this.#send(answer));
    channel.run = run;
    const sandbox = this.#options.sandboxes.find(({ traits }) => traits.languages.includes(frame.language));
    if (sandbox === undefined) {
      channel[Symbol.dispose]();
      const message = `The host runs no ${frame.language}.`;
      return this.#send({ type: "died", channel: frame.channel, message, reason: "crashed" });
    }
    void this.#carryOut(run, channel, sandbox, frame.language);
  }

  async #carryOut(run: RemoteRun, channel: Channel, sandbox: Sandbox, language: Language): Promise<void> {
    using _ = channel;
    // Sessions of pages are no sessions of each other.
    const name = JSON.stringify([this.id, channel.session]);
    const { broker, limits } = channel;
    await using session: SandboxSession = sandbox.open(name, limits);
    const signal = AbortSignal.any([channel.ended.signal, channel.place.signal]);
    if (broker === "page") return void (await run.carryOut(session, signal));
    try {
      await this.#options.lend({ session: channel.session, language, limits, signal }, (lent) =>
        run.carryOut(session, lent.signal, lent),
      );
    } catch (error) {
      run.refuse(error);
    }
  }

  #send(frame: HostFrame): void {
    try {
      this.#link.send(frame);
    } catch {
      this.end();
    }
  }
}
