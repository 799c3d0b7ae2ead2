import type { ConnectionOptions } from "node:tls";
import { messageOf, OptimizerError } from "../../base/errors.ts";
import { Backoff } from "../../mcp/backoff.ts";

/** Of one server. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** Where Redis is: exactly one of the four. */
export interface RedisPlace {
  /** One server: `redis://` or, by TLS, `rediss://`, with `user:password@` and `/database` where they are needed. */
  readonly url?: string;
  /** Whichever server is the master now, as its Sentinels say. */
  readonly sentinel?: {
    readonly nodes: readonly RedisAddress[];
    /** The name of the group of servers. */
    readonly master: string;
    readonly username?: string;
    readonly password?: string;
  };
  /** Some servers of a Cluster, which name the others. */
  readonly cluster?: readonly RedisAddress[];
  /** A client of ioredis, for everything else. It stays open; its own options say how it connects anew. */
  readonly client?: RedisClient;
}

/** How the server knows us; not for a client that is handed in. */
export interface RedisAccess {
  readonly username?: string;
  readonly password?: string;
  /** Of the servers, Sentinels too. `{}` asks for TLS with the system's authorities. */
  readonly tls?: ConnectionOptions;
}

/** What is used of a client of ioredis: a `Redis` or a `Cluster`. */
export interface RedisClient {
  readonly status: string;
  readonly isCluster: boolean;
  callBuffer(command: string, args: (string | Buffer | number)[]): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  duplicate(): RedisClient;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
  connect(): Promise<void>;
  disconnect(): void;
}

/** Throws 400 `invalid_options` unless exactly one place is named. */
export function requirePlace({ url, sentinel, cluster, client }: RedisPlace): void {
  const named = [url, sentinel, cluster, client].filter((place) => place !== undefined);
  if (named.length === 1) return;
  throw new OptimizerError("redis() takes one of `url`, `sentinel`, `cluster` and `client`.", {
    code: 400,
    kind: "invalid_options",
  });
}

/**
 * Makes a client that never gives up connecting, and never sends by itself what it has sent before.
 *
 * A connection that is silent for `timeoutMs` while an answer is due is taken for dead. Rejects with 500
 * `missing_dependency` without ioredis.
 */
export async function createClient(place: RedisPlace & RedisAccess, timeoutMs: number): Promise<RedisClient> {
  const { Redis, Cluster } = await import("ioredis").catch((error: unknown) => {
    throw new OptimizerError(`The package ioredis could not be loaded: ${messageOf(error)}`, {
      code: 500,
      kind: "missing_dependency",
      hint: "It is an optional peer dependency: npm install ioredis.",
      cause: error,
    });
  });
  const { url, sentinel, cluster, username, password, tls } = place;
  const backoff = new Backoff(
    { initialMs: 50, maxMs: 1_000, maxAttempts: Number.POSITIVE_INFINITY },
    Math.random,
  );
  const retryStrategy = (times: number): number => {
    if (times === 1) backoff.reset();
    return backoff.next() ?? 0;
  };
  const options = {
    lazyConnect: true,
    connectTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // A master that became a replica: whoever is asked anew names another one.
    reconnectOnError: ({ message }: Error) => message.startsWith("READONLY"),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
  };
  if (cluster !== undefined) {
    return new Cluster([...cluster], {
      lazyConnect: true,
      enableOfflineQueue: false,
      clusterRetryStrategy: retryStrategy,
      redisOptions: options,
    });
  }
  const single = { ...options, enableOfflineQueue: false, retryStrategy };
  if (sentinel === undefined) return new Redis(url ?? "", single);
  return new Redis({
    ...single,
    sentinels: [...sentinel.nodes],
    name: sentinel.master,
    sentinelRetryStrategy: retryStrategy,
    failoverDetector: true,
    ...(sentinel.username === undefined ? {} : { sentinelUsername: sentinel.username }),
    ...(sentinel.password === undefined ? {} : { sentinelPassword: sentinel.password }),
    ...(tls === undefined ? {} : { sentinelTLS: tls, enableTLSForSentinelMode: true }),
  });
}
