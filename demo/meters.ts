import type { RunEvent } from "../src/index.ts";
import { requireElement } from "./element.ts";
import { formatBytes, formatMs } from "./format.ts";

/** What a run uses of its time and its memory, while it runs. */
export interface Meters {
  /** A run begins that may take so long. */
  start(timeoutMs: number): void;
  handle(event: RunEvent): void;
}

const TICK_MS = 100;

/** Wires the meters of index.html. */
export function createMeters(): Meters {
  const time = requireElement("time-meter", HTMLMeterElement);
  const timeText = requireElement("time-used", HTMLElement);
  const memory = requireElement("memory-meter", HTMLMeterElement);
  const memoryText = requireElement("memory-used", HTMLElement);
  let startedAt = 0;
  let limitMs = 0;
  let ticking: ReturnType<typeof setInterval> | undefined;

  const drawTime = (usedMs: number): void => {
    time.value = Math.min(1, usedMs / limitMs);
    timeText.textContent = `${formatMs(usedMs)} of ${formatMs(limitMs)}`;
  };
  const drawMemory = (usedBytes: number, limitBytes: number): void => {
    memory.value = limitBytes === 0 ? 0 : Math.min(1, usedBytes / limitBytes);
    memoryText.textContent =
      limitBytes === 0 ? "–" : `${formatBytes(usedBytes)} of ${formatBytes(limitBytes)}`;
  };

  return {
    start(timeoutMs) {
      startedAt = performance.now();
      limitMs = timeoutMs;
      clearInterval(ticking);
      ticking = setInterval(() => drawTime(performance.now() - startedAt), TICK_MS);
      drawTime(0);
      drawMemory(0, 0);
    },
    handle(event) {
      switch (event.type) {
        case "preparing":
          // The program has not begun: its time has not either.
          startedAt = performance.now();
          return;
        case "memory":
          return drawMemory(event.memoryBytes, event.limitBytes);
        case "finished":
          clearInterval(ticking);
          return drawTime(performance.now() - startedAt);
        default:
      }
    },
  };
}
