import { prometheus } from "../telemetry/exporters/prometheus.ts";
import { createAdmission } from "./admission.ts";
import { createBrokerLender, type LendBroker } from "./broker-lender.ts";
import { type ChosenSandboxes, chooseSandboxes } from "./choose-sandbox.ts";
import { openHostEngine } from "./host-engine.ts";
import { type HostOptions, resolveNumbers } from "./host-options.ts";
import { createApp } from "./http/app.ts";
import { requireOrigin } from "./http/caller-rules.ts";
import { createIntentRoutes } from "./http/intent-routes.ts";
import { listen } from "./http/listen.ts";
import { createMcpEndpoint } from "./http/mcp-endpoint.ts";
import { createRelay } from "./http/relay.ts";
import { createRunRoutes } from "./http/run-routes.ts";
import { createSandboxSocket } from "./http/sandbox-socket.ts";
import { createSessionRoutes } from "./http/session-routes.ts";
import { createStatusRoutes } from "./http/status-routes.ts";
import { createRemoteLinks } from "./remote-links.ts";
import { createRuns } from "./runs.ts";
import { createTokenBook, newToken, tokenDigest } from "./tokens.ts";

/** A host that listens. Disposing it ends it at once, runs included. */
export interface Host extends AsyncDisposable {
  /** Where it listens: scheme, name and port. */
  readonly url: string;
  /** The token that it made; absent where tokens were given. */
  readonly token: string | undefined;
  /** Where programs run, and what could not be used. */
  readonly chosen: ChosenSandboxes;
  /**
   * Takes nothing new any more (503), lets runs under way end for so many milliseconds, ends those that are left
   * with 408, then closes. Default 10,000.
   */
  drain(deadlineMs?: number): Promise<void>;
}

/** How long answers may take to reach their clients when all runs have ended. Milliseconds. */
const LAST_ANSWERS_MS = 1_000;

/**
 * Builds a host and begins to listen.
 *
 * Rejects with 400 for options that make no sense and for an address that is taken, and with 500
 * `sandbox_unavailable` where no sandbox can be used: then nothing ever runs.
 */
export async function createHost(options: HostOptions): Promise<Host> {
  const { onError = (error) => console.error("mcp-optimizer:", error) } = options;
  const numbers = resolveNumbers(options);
  const origins = new Set((options.origins ?? []).map(requireOrigin));
  const token = options.tokens === undefined ? newToken() : undefined;
  const tokens = createTokenBook(
    token === undefined ? (options.tokens ?? []) : [{ sha256: tokenDigest(token) }],
  );

  await using building = new AsyncDisposableStack();
  const chosen = await chooseSandboxes({
    candidates: options.sandboxes,
    ...(options.leastStrength === undefined ? {} : { leastStrength: options.leastStrength }),
  });
  const metrics = options.prometheus === false ? undefined : prometheus();
  const exporters = [...(metrics === undefined ? [] : [metrics]), ...(options.telemetry?.exporters ?? [])];
  const telemetry = { ...options.telemetry, exporters };
  const { servers, catalog, engines, countTokens } = building.use(
    await openHostEngine({ ...options, telemetry }, chosen.sandboxes),
  );

  const admission = createAdmission(numbers.admission);
  const runs = createRuns(admission);
  const mcp = building.use(createMcpEndpoint({ runs, engineOf: engines.of, onError }));
  catalog.onChange(() => mcp.toolsChanged());

  const lenderOf = (tenant: string | undefined): LendBroker => createBrokerLender(engines.of(tenant));
  const links = createRemoteLinks({ sandboxes: chosen.sandboxes, admission, lenderOf });
  // Its vocabulary takes a second to load, which the first run does not wait for.
  await countTokens([""]);
  const app = createApp({
    tokens,
    admission,
    maxBodyBytes: numbers.maxBodyBytes,
    onError,
    handlers: {
      ...createStatusRoutes({
        admission,
        metrics,
        sandboxes: chosen.sandboxes.map(({ traits }) => traits.name),
      }),
      ...createRunRoutes({ runs, engineOf: engines.of }),
      ...createSessionRoutes(engines.of),
      ...createIntentRoutes(runs, engines.of),
      ...mcp.handlers,
      ...createRelay(servers.relayed, numbers.maxBodyBytes),
    },
  });
  const listening = await listen(app, origins, options, createSandboxSocket({ links, tokens, admission }));
  const parts = building.move();
  let ending: Promise<void> | undefined;
  const end = async (deadlineMs: number, lastAnswersMs: number): Promise<void> => {
    await admission.drain(deadlineMs);
    // Their sockets would keep the server open.
    links[Symbol.dispose]();
    await listening.close(lastAnswersMs);
    await parts.disposeAsync();
  };
  return {
    url: listening.url,
    token,
    chosen,
    drain(deadlineMs = 10_000) {
      ending ??= end(deadlineMs, LAST_ANSWERS_MS);
      return ending;
    },
    async [Symbol.asyncDispose]() {
      ending ??= end(0, 0);
      await ending;
    },
  };
}
