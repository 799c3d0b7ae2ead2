import type { ContextBackend } from "../../src/context/context-backend.ts";
import {
  type ContextStore,
  type ContextStoreOptions,
  createContextStore,
} from "../../src/context/context-store.ts";
import { OpenedParts } from "./opened-parts.ts";

/** One thing that a context store does over every backend. */
export interface ContextCase {
  /** Unique in the suite. */
  readonly name: string;
  run(place: ContextPlace): Promise<void>;
}

/** What a case works with: backends of its own, and a clock that stands still. */
export interface ContextPlace extends AsyncDisposable {
  readonly backend: ContextBackend;
  /** A store over the backend of this case, with the clock of this case. */
  createStore(options?: ContextStoreOptions): ContextStore;
  /** A store over the same records, as another tab has it: over another backend where the place has one. */
  createOther(options?: ContextStoreOptions): ContextStore;
  /** Moves the clock on. Milliseconds. */
  pass(ms: number): void;
  readonly now: () => number;
}

export interface ContextPlaceOptions {
  readonly createBackend: () => ContextBackend;
  readonly reopen?: (backend: ContextBackend) => ContextBackend;
}

export function createContextPlace({ createBackend, reopen }: ContextPlaceOptions): ContextPlace {
  const opened = new OpenedParts();
  const backend = opened.use(createBackend());
  let time = 1_000_000;
  const now = (): number => time;
  const create = (over: ContextBackend, options: ContextStoreOptions = {}): ContextStore =>
    opened.use(createContextStore(over, { now, ...options }));
  return {
    backend,
    createStore: (options) => create(backend, options),
    createOther: (options) => create(reopen === undefined ? backend : opened.use(reopen(backend)), options),
    pass(ms) {
      time += ms;
    },
    now,
    [Symbol.asyncDispose]: () => opened.close(),
  };
}

/** Resolves when `holds` does, asked in turns; the test's own time bounds it. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** All that an iteration gives. */
export async function collect<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}
