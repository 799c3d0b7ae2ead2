import { inject } from "vitest";

/** One attack's own corner of the loopback listener. */
export interface Canary {
  /** Where a leak would go: `${http}label`. */
  readonly http: string;
  readonly ws: string;
  readonly nonce: string;
  /** Labels that were hit, once all of `expected` are or after ten seconds. */
  hits(...expected: readonly string[]): Promise<readonly string[]>;
}

export function openCanary(): Canary {
  const nonce = crypto.randomUUID();
  const host = `127.0.0.1:${inject("canaryPort")}`;
  return {
    nonce,
    http: `http://${host}/${nonce}/`,
    ws: `ws://${host}/${nonce}/`,
    hits: (...expected) =>
      ask<string[]>(
        `/-/hits?${new URLSearchParams([["nonce", nonce], ...expected.map((label) => ["label", label])])}`,
      ),
  };
}

/** A UDP port of the listener and how many datagrams came to it. */
export async function openUdpCanary(): Promise<{
  readonly port: number;
  count(wait: boolean): Promise<number>;
}> {
  const port = await ask<number>("/-/udp");
  return { port, count: (wait) => ask<number>(`/-/datagrams?port=${port}${wait ? "&wait" : ""}`) };
}

async function ask<T>(path: string): Promise<T> {
  const response = await fetch(`http://127.0.0.1:${inject("canaryPort")}${path}`);
  const answer: T = await response.json();
  return answer;
}
