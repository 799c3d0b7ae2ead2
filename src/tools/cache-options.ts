import { OptimizerError } from "../base/errors.ts";

/** Which results are given again, for how long, and how many of them are kept. */
export interface CacheOptions {
  /** How long a result of a server's read-only tool is given again when the server names no time. Milliseconds, default 60,000; 0 for never. */
  readonly ttlMs?: number;
  /**
   * Tools by ref, such as `github.get_issue`, with a time of their own, which goes before what the server
   * says. More than 0 says that the tool only reads, whatever its annotations; 0 keeps nothing of it.
   */
  readonly tools?: Readonly<Record<string, { readonly ttlMs: number }>>;
  /** Results kept. Default 1,000. */
  readonly maxEntries?: number;
  /** Size of all results kept, as JSON. Bytes, default 16 MiB; one of more than a quarter of it is not kept. */
  readonly maxBytes?: number;
}

/** {@link CacheOptions} with every default filled in and every value checked. */
export interface ResolvedCacheOptions {
  readonly ttlMs: number;
  readonly tools: ReadonlyMap<string, number>;
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** Completes the options of the cache. Throws 400 `invalid_options`, which names the value. */
export function resolveCacheOptions(options: CacheOptions = {}): ResolvedCacheOptions {
  const { ttlMs = 60_000, tools = {}, maxEntries = 1_000, maxBytes = 16 * 1024 * 1024 } = options;
  return {
    ttlMs: notNegative("ttlMs", ttlMs),
    tools: new Map(
      Object.entries(tools).map(([ref, tool]) => [ref, notNegative(`tools["${ref}"].ttlMs`, tool?.ttlMs)]),
    ),
    maxEntries: notNegative("maxEntries", maxEntries),
    maxBytes: notNegative("maxBytes", maxBytes),
  };
}

function notNegative(name: string, value: unknown): number {
  if (typeof value === "number" && value >= 0) return value;
  throw new OptimizerError(`cache.${name} is ${String(value)}`, {
    code: 400,
    kind: "invalid_options",
    hint: "Give a number of at least 0.",
  });
}
