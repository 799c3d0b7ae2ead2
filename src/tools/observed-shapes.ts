import type { CatalogTool } from "./catalog-tool.ts";
import { inferShape } from "./infer-shape.ts";
import { type LearnedShape, parseShapes, writeShapes } from "./parse-shapes.ts";
import { type Shape, UNKNOWN } from "./shape.ts";
import type { ToolValue } from "./tool-value.ts";
import { trimShape } from "./trim-shape.ts";
import { widenShapes } from "./widen-shapes.ts";

/**
 * Keeps what was learned of results for the next page: one text, types and names of fields only.
 *
 * Nobody waits for `load`; the engine's end waits for a `save` under way.
 */
export interface ShapeStore {
  /** The text that was saved last; `undefined` when there is none. */
  load(): Promise<string | undefined>;
  save(json: string): Promise<void>;
}

/** What a tool's results were like so far. */
export interface ObservedShape {
  readonly shape: Shape;
  /** Results seen. */
  readonly results: number;
}

/** The shape of a tool's results as they were seen; `undefined` for a tool that declares it, or never answered. */
export type FindObserved = (tool: CatalogTool) => ObservedShape | undefined;

export interface ObservedShapesOptions {
  /** Default: what is learned ends with the page. */
  readonly store?: ShapeStore;
  /** From a change to its saving: what comes meanwhile is saved with it. Milliseconds, default 2,000. */
  readonly saveDelayMs?: number;
  /** Tools remembered; the one that answered longest ago goes first. Default 500. */
  readonly maxTools?: number;
}

/** Types in the shape of one tool. */
const MAX_NODES = 400;

/**
 * Learns what tools return that declare no output schema.
 *
 * What was seen in any result counts; a field that some lack is optional. It keeps types and names of
 * fields, never values. Disposing it saves what was not saved yet; a store that fails costs what was
 * learned and nothing else.
 */
export class ObservedShapes implements AsyncDisposable {
  /** In the order of their last result. */
  readonly #learned = new Map<string, LearnedShape>();
  readonly #store: ShapeStore | undefined;
  readonly #saveDelayMs: number;
  readonly #maxTools: number;
  /** Resolves when what was stored is known, or can't be. */
  readonly loaded: Promise<void>;
  #isLoaded = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor({ store, saveDelayMs = 2_000, maxTools = 500 }: ObservedShapesOptions = {}) {
    this.#store = store;
    this.#saveDelayMs = saveDelayMs;
    this.#maxTools = maxTools;
    this.loaded = this.#load();
  }

  /** Learns from one result. Keeps nothing of the value. */
  readonly observe = (tool: CatalogTool, { value, bytes }: ToolValue): void => {
    if (tool.definition.outputSchema !== undefined) return;
    this.#learn({
      namespace: tool.namespace,
      tool: tool.definition.name,
      shape: inferShape(value, bytes),
      results: 1,
    });
    if (this.#store !== undefined) this.#timer ??= setTimeout(() => this.#save(), this.#saveDelayMs);
  };

  readonly find: FindObserved = ({ namespace, definition }) => {
    if (definition.outputSchema !== undefined) return undefined;
    const learned = this.#learned.get(keyOf({ namespace, tool: definition.name }));
    return learned && { shape: withoutNever(learned.shape), results: learned.results };
  };

  async [Symbol.asyncDispose](): Promise<void> {
    // Saved now, it would replace what is stored and not known yet.
    if (!this.#isLoaded) return clearTimeout(this.#timer);
    if (this.#timer !== undefined) this.#save();
    await this.#saving;
  }

  #learn(seen: LearnedShape): void {
    const key = keyOf(seen);
    const known = this.#learned.get(key);
    this.#learned.delete(key);
    this.#learned.set(key, {
      ...seen,
      shape: trimShape(known === undefined ? seen.shape : widenShapes([known.shape, seen.shape]), MAX_NODES),
      results: Math.min((known?.results ?? 0) + seen.results, Number.MAX_SAFE_INTEGER),
    });
    for (const oldest of this.#learned.keys()) {
      if (this.#learned.size <= this.#maxTools) return;
      this.#learned.delete(oldest);
    }
  }

  async #load(): Promise<void> {
    try {
      const text = await this.#store?.load();
      if (text === undefined) return;
      // Results that came meanwhile are newer.
      const newer = [...this.#learned.values()];
      this.#learned.clear();
      for (const learned of [...parseShapes(text, MAX_NODES), ...newer]) this.#learn(learned);
    } catch {
      // Everything can be learned again.
    } finally {
      this.#isLoaded = true;
    }
  }

  #save(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const save = async (): Promise<void> => {
      await this.loaded;
      await this.#store?.save(writeShapes([...this.#learned.values()]));
    };
    // One after another, so that the last text is the one that stays; the next result tries again.
    this.#saving = this.#saving.then(save).catch(() => {});
  }
}

function keyOf({ namespace, tool }: Pick<LearnedShape, "namespace" | "tool">): string {
  return JSON.stringify([namespace, tool]);
}

/** Nothing was seen there, which says nothing of what may come. */
function withoutNever(shape: Shape): Shape {
  switch (shape.kind) {
    case "never":
      return UNKNOWN;
    case "array":
      return { kind: "array", item: withoutNever(shape.item) };
    case "object": {
      const fields = shape.fields.map((field) => ({ ...field, shape: withoutNever(field.shape) }));
      return shape.others === undefined
        ? { kind: "object", fields }
        : { kind: "object", fields, others: withoutNever(shape.others) };
    }
    case "union":
      return { ...shape, options: shape.options.map(withoutNever) };
    default:
      return shape;
  }
}
