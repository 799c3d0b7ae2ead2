import { reportUncaught } from "../base/report-uncaught.ts";

/** Who wants to hear of something. */
export interface Listeners<Event> {
  /** Returns the way to stop listening. */
  readonly add: (listener: (event: Event) => void) => () => void;
  /** Tells everybody. What one of them throws is reported, and changes nothing for the others. */
  readonly tell: (event: Event) => void;
  readonly clear: () => void;
}

export function createListeners<Event>(): Listeners<Event> {
  const listeners = new Set<(event: Event) => void>();
  return {
    add(listener) {
      // A function of its own: the same listener may be added twice and taken away once.
      const entry = (event: Event): void => listener(event);
      listeners.add(entry);
      return () => void listeners.delete(entry);
    },
    tell(event) {
      for (const listener of [...listeners]) {
        try {
          listener(event);
        } catch (error) {
          reportUncaught(error);
        }
      }
    },
    clear: () => listeners.clear(),
  };
}
