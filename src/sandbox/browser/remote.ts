import { findOptimizerError } from "../../base/errors.ts";
import type { Language } from "../../protocol/guest-protocol.ts";
import type { RemoteBroker } from "../../protocol/remote-frames.ts";
import { runGuest } from "../guest-run.ts";
import type { Limits } from "../limits.ts";
import { RUN } from "../process-session.ts";
import type { Sandbox, SandboxTraits } from "../sandbox.ts";
import { closedError } from "../worker-pool.ts";
import { HostCalls } from "./host-calls.ts";
import { type RemoteChannel, RemoteConnection } from "./remote-connection.ts";

/** Options of {@link remote}. */
export interface RemoteOptions {
  /** Address of the host, as it printed it: `http://127.0.0.1:4780`. */
  readonly url: string;
  /** A token of the host. It goes to no one else. */
  readonly token: string;
  /**
   * Who answers the programs' calls of tools. `page`: this page, with its servers and its user's credentials. `host`:
   * the host, with its own servers, policy and cache; `context` and handles stay the page's, and what the host calls
   * is told by `host_call` events. Default `page`.
   */
  readonly broker?: RemoteBroker;
  /** Languages to offer before the host has said what it has. Default: all three. */
  readonly languages?: readonly Language[];
  /** How long a lost connection is tried to be found again while programs run. Milliseconds, default 20,000. */
  readonly reconnectMs?: number;
}

const RECONNECT_MS = 20_000;
const LANGUAGES: readonly Language[] = ["javascript", "typescript", "python"];

/**
 * Programs on a Node host (`npx mcp-optimizer serve`), in the sandbox that it has. Their calls of tools come back to
 * this page, so that the credentials of its user never leave it; or the host answers them, where that is chosen. A connection that breaks is found again, and the
 * programs go on.
 */
export function remote(options: RemoteOptions): Sandbox {
  const { broker = "page", languages = LANGUAGES, reconnectMs = RECONNECT_MS } = options;
  const connection = new RemoteConnection(options.url, options.token, reconnectMs);
  const closing = new AbortController();
  return {
    get traits(): SandboxTraits {
      const { lent } = connection;
      return {
        name: lent === undefined ? "remote" : `remote ${lent.name}`,
        languages: lent?.languages ?? languages,
        // The page ends a run that is over its time. The rest is the host's word.
        enforces: { time: "hard", memory: "best_effort", network: "best_effort", storage: "best_effort" },
        freezes: false,
        keepsGlobals: false,
      };
    },
    prepare: () => connection.connect(),
    open: (session: string, limits: Limits) => ({
      async run(program, port, signal) {
        if (closing.signal.aborted) throw closedError();
        const ending = AbortSignal.any([signal, closing.signal]);
        let channel: RemoteChannel;
        try {
          channel = await connection.open({ session, broker, limits }, ending);
        } catch (error) {
          if (closing.signal.aborted) throw closedError();
          if (!signal.aborted) throw error;
          const message = findOptimizerError(error)?.message ?? "The run was cancelled.";
          return { status: "stopped", reason: "cancelled", message, peakMemoryBytes: 0 };
        }
        const hostCalls = broker === "host" ? new HostCalls(port) : undefined;
        channel.onAnswered = (frame) => hostCalls?.answered(frame) === true;
        const outcome = await runGuest(channel, RUN, program, hostCalls?.port ?? port, limits, ending);
        channel.kill();
        return outcome;
      },
      async [Symbol.asyncDispose]() {},
    }),
    async [Symbol.asyncDispose]() {
      closing.abort();
      connection.close();
    },
  };
}
