import { pause } from "../base/waits.ts";
import { Backoff, type BackoffOptions } from "./backoff.ts";
import { readErrorFacts } from "./error-facts.ts";
import type { MirroringClient } from "./mirroring-client.ts";

/**
 * Keeps a 2026-07-28 subscription to tool changes open until `signal` aborts.
 *
 * The SDK never listens again by itself. Between two subscriptions a change may have been missed,
 * so each new one counts as a change. It ends quietly where the server does not offer
 * subscriptions (servers of 2025 send changes unasked), and calls `onLost` when the server is gone.
 */
export async function watchTools(
  client: MirroringClient,
  options: {
    readonly signal: AbortSignal;
    readonly backoff: BackoffOptions;
    readonly random: () => number;
    readonly timeoutMs: number;
  },
  on: { onToolsChanged(): void; onLost(): void },
): Promise<void> {
  if (client.getProtocolEra() !== "modern" || client.getServerCapabilities()?.tools?.listChanged !== true)
    return;
  const backoff = new Backoff(options.backoff, options.random);
  let first = true;
  while (!options.signal.aborted) {
    try {
      const subscription = await client.listen(
        { toolsListChanged: true },
        { signal: options.signal, timeout: options.timeoutMs },
      );
      if (!first) on.onToolsChanged();
      first = false;
      const openedAt = performance.now();
      await subscription.closed;
      if (performance.now() - openedAt > CALM_MS) backoff.reset();
    } catch (error) {
      if (options.signal.aborted) return;
      const { network, status, refused } = readErrorFacts(error);
      if (refused || (network && status === undefined)) return on.onLost();
      return; // The server answered, and said no: that stays so.
    }
    const delayMs = backoff.next();
    if (delayMs === undefined) return;
    await pause(delayMs, options.signal);
  }
}

/** How long a subscription has to last for its loss to count as the first. */
const CALM_MS = 60_000;
