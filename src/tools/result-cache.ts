// Answers of servers are kept here and given again. A server may lie about which of its tools only read,
// and about how long an answer is good: what it says concerns the answers of its own tools alone. An
// answer is given again only to whom the server would know as the same caller.

import { canonicalJson } from "../base/canonical-json.ts";
import { OptimizerError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import type { TraceContext } from "../telemetry/trace.ts";
import { AnswerStore } from "./answer-store.ts";
import type { ResolvedCacheOptions } from "./cache-options.ts";
import type { CatalogTool } from "./catalog-tool.ts";
import { SharedCall } from "./shared-call.ts";
import type { ToolCallOptions, ToolDefinition, ToolSource } from "./tool.ts";
import type { CallTool, ToolAnswer } from "./tool-answer.ts";

/** What the cache did so far, and what it holds. */
export interface CacheStats {
  /** Calls that were answered from what is kept. */
  readonly hits: number;
  /** Calls that could have been, and went to their server. */
  readonly misses: number;
  /** Calls that got the answer of an equal call under way. */
  readonly shared: number;
  /** Results kept. */
  readonly entries: number;
  /** Their size, keys included. Bytes. */
  readonly bytes: number;
}

export interface ResultCacheDeps {
  /** Makes the calls that nothing kept can answer. */
  readonly callTool: CallTool;
  readonly options: ResolvedCacheOptions;
  /** Asked at each call: while it says no, nothing is given again and nothing is kept. */
  readonly enabled: () => boolean;
  /** Hears of each call that something kept could have answered, and whether it did. */
  readonly onLookup?: (hit: boolean) => void;
  /** Default: the wall clock. Milliseconds. */
  readonly now?: () => number;
}

/** Arguments with a longer text are not worth a key. Characters. */
const MAX_ARGUMENT_CHARACTERS = 16 * 1024;

/** What is known of one source. */
interface SourceState {
  /** Tells sources apart that have the same id. */
  readonly number: number;
  /** Grows whenever what was read from the source may be out of date. */
  epoch: number;
  /** Requests that later calls may still join, by key. */
  readonly shared: Map<string, SharedCall>;
  /** Tools without annotations whose last answer said that it may be given again. */
  readonly lasting: WeakSet<ToolDefinition>;
  readonly unsubscribe: () => void;
}

/**
 * Gives the answers of reading tools again.
 *
 * A tool reads when its server (not the page) says so (`readOnlyHint`), when the options name it, or when its answers
 * say how long they last (`ttlMs`). Every other call counts as a write and makes the cache forget its
 * source: when it is sent, and when it ended, well or not. A failed call may have happened; and what
 * was read while it was under way may show either side of it, so that is not kept. Entries are never
 * shared between two identities of a source, those that a server calls public included.
 */
export class ResultCache implements Disposable {
  readonly #deps: ResultCacheDeps;
  readonly #store: AnswerStore;
  readonly #sources = new Map<ToolSource, SourceState>();
  #hits = 0;
  #misses = 0;
  #shared = 0;

  constructor(deps: ResultCacheDeps) {
    this.#deps = deps;
    const { maxEntries, maxBytes } = deps.options;
    this.#store = new AnswerStore({ maxEntries, maxBytes, now: deps.now ?? Date.now });
  }

  get stats(): CacheStats {
    const { entries, bytes } = this.#store;
    return { hits: this.#hits, misses: this.#misses, shared: this.#shared, entries, bytes };
  }

  /** Forgets the results of one source by its id, or of all. */
  clear(id?: string): void {
    for (const source of this.#sources.keys()) if (id === undefined || source.id === id) this.#forget(source);
  }

  readonly callTool: CallTool = async (tool, args, options) => {
    const state = this.#stateOf(tool.source);
    const rule = this.#ruleOf(tool, state);
    if (rule === undefined) return this.#write(tool, args, options, state);
    const keeps = this.#deps.enabled() && (rule.ttlMs > 0 || rule.serverDecides);
    const key = keeps ? await keyOf(tool, args, state.number) : undefined;
    requireRunning(tool, options.signal);
    if (key === undefined) return this.#deps.callTool(tool, args, options);
    const kept = this.#store.get(key.text);
    if (kept !== undefined && kept.definition === tool.definition) {
      this.#hits += 1;
      this.#deps.onLookup?.(true);
      return { ...kept.answer, cached: true };
    }
    const underWay = state.shared.get(key.text);
    if (underWay !== undefined && !underWay.abandoned && underWay.definition === tool.definition) {
      this.#shared += 1;
      this.#deps.onLookup?.(true);
      return { ...(await underWay.join(tool.ref, options)), cached: true };
    }
    this.#misses += 1;
    this.#deps.onLookup?.(false);
    const { trace } = options;
    const reading = { tool, args, state, rule, key, ...(trace === undefined ? {} : { trace }) };
    return this.#read(reading).join(tool.ref, options);
  };

  [Symbol.dispose](): void {
    this.clear();
    for (const { unsubscribe } of this.#sources.values()) unsubscribe();
    this.#sources.clear();
  }

  /** Sends a request that equal calls may join until its answer is kept, or a write was sent. */
  #read(reading: Reading): SharedCall {
    const { tool, args, state, key, trace } = reading;
    const { epoch } = state;
    const call = new SharedCall(tool.definition, async (options) => {
      try {
        const answer = await this.#deps.callTool(tool, args, {
          ...options,
          ...(trace === undefined ? {} : { trace }),
        });
        await this.#keep(answer, reading, epoch);
        return answer;
      } finally {
        if (state.shared.get(key.text) === call) state.shared.delete(key.text);
      }
    });
    state.shared.set(key.text, call);
    return call;
  }

  async #keep(answer: ToolAnswer, { tool, state, rule, key }: Reading, epoch: number): Promise<void> {
    const ttlMs = rule.serverDecides ? (answer.ttlMs ?? rule.ttlMs) : rule.ttlMs;
    if (answer.ttlMs === undefined) state.lasting.delete(tool.definition);
    // Credentials that changed meanwhile may have been sent with the request.
    if (ttlMs <= 0 || (await identityOf(tool.source)) !== key.identity) return;
    if (epoch !== state.epoch || !this.#deps.enabled()) return;
    this.#store.set(key.text, { answer, source: tool.source, definition: tool.definition, ttlMs });
  }

  async #write(
    tool: CatalogTool,
    args: JsonObject,
    options: ToolCallOptions,
    state: SourceState,
  ): Promise<ToolAnswer> {
    this.#forget(tool.source);
    try {
      const answer = await this.#deps.callTool(tool, args, options);
      const { readOnlyHint, destructiveHint } = tool.definition.annotations ?? {};
      const mayRead = readOnlyHint !== false && destructiveHint !== true;
      if (mayRead && answer.ttlMs !== undefined && answer.ttlMs > 0) state.lasting.add(tool.definition);
      return answer;
    } finally {
      this.#forget(tool.source);
    }
  }

  #forget(source: ToolSource): void {
    const state = this.#sources.get(source);
    if (state === undefined) return;
    state.epoch += 1;
    state.shared.clear();
    this.#store.deleteFrom((other) => other === source);
  }

  /** How long answers of a tool are kept; `undefined` for a tool that may write. */
  #ruleOf({ ref, source, definition }: CatalogTool, state: SourceState): ReadRule | undefined {
    const { tools, ttlMs } = this.#deps.options;
    const { readOnlyHint, destructiveHint } = definition.annotations ?? {};
    // What reads the page itself may change at any time, and costs no request: there only names count.
    const isServer = source.identity !== undefined;
    const saysSo = isServer && readOnlyHint === true && destructiveHint !== true;
    const own = tools.get(ref) ?? tools.get(`${source.id}.${definition.name}`);
    if (own !== undefined) return saysSo || own > 0 ? { ttlMs: own, serverDecides: false } : undefined;
    if (saysSo) return { ttlMs, serverDecides: true };
    return state.lasting.has(definition) ? { ttlMs: 0, serverDecides: true } : undefined;
  }

  #stateOf(source: ToolSource): SourceState {
    const known = this.#sources.get(source);
    if (known !== undefined) return known;
    const state: SourceState = {
      number: this.#sources.size,
      epoch: 0,
      shared: new Map(),
      lasting: new WeakSet(),
      // Its tools, or the session that it has with its server, are others now.
      unsubscribe: source.onChange(() => this.#forget(source)),
    };
    this.#sources.set(source, state);
    return state;
  }
}

interface ReadRule {
  /** 0: not by itself. Milliseconds. */
  readonly ttlMs: number;
  /** A time that the server names goes before. */
  readonly serverDecides: boolean;
}

/** One call of a reading tool that goes to its server. */
interface Reading {
  readonly tool: CatalogTool;
  readonly args: JsonObject;
  readonly state: SourceState;
  readonly rule: ReadRule;
  readonly key: Key;
  /** Of the call that asked first. */
  readonly trace?: TraceContext;
}

interface Key {
  readonly text: string;
  readonly identity: string;
}

/** `undefined` when nobody knows as whom the call would be made, or when its arguments are too long. */
async function keyOf(
  { source, definition }: CatalogTool,
  args: JsonObject,
  sourceNumber: number,
): Promise<Key | undefined> {
  const identity = await identityOf(source);
  const text = canonicalJson(args, MAX_ARGUMENT_CHARACTERS);
  if (identity === undefined || text === undefined) return undefined;
  // A list of texts, so that no part can pass for the next.
  return { text: JSON.stringify([sourceNumber, definition.name, identity, text]), identity };
}

async function identityOf(source: ToolSource): Promise<string | undefined> {
  try {
    return (await source.identity?.()) ?? "";
  } catch {
    // The call itself finds out what is wrong with the credentials, and says so.
    return undefined;
  }
}

function requireRunning({ ref }: CatalogTool, signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw new OptimizerError(`${ref} was cancelled.`, { code: 408, kind: "cancelled" });
}
