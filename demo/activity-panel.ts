import type { RunEvent } from "../src/index.ts";
import { element, requireElement } from "./element.ts";
import {
  type CallLine,
  createCallLine,
  endLine,
  hostCallLine,
  logLine,
  preparingLine,
  pressureLine,
} from "./event-line.ts";
import { formatBytes, formatCounted, formatMs } from "./format.ts";

/** What happens in a run, line by line, while it happens. */
export interface ActivityPanel {
  handle(event: RunEvent): void;
}

/** Lines beyond this many are counted, not shown: a loop of calls must not slow the page down. */
const MAX_LINES = 400;
const TICK_MS = 100;
/** Whoever has scrolled further up than this reads, and is not pulled down again. Pixels. */
const AT_END = 60;

/** Fills the list of events in index.html. */
export function createActivityPanel(): ActivityPanel {
  const list = requireElement("activity-list", HTMLOListElement);
  const scroller = requireElement("activity", HTMLElement);
  const summary = requireElement("activity-summary", HTMLElement);
  const empty = requireElement("activity-empty", HTMLElement);
  const more = element("li", { class: "event more" });
  const calls = new Map<number, CallLine>();
  const run = { startedAt: 0, lines: 0, bytes: 0 };
  let drawsSoon = false;
  let ticking: ReturnType<typeof setInterval> | undefined;
  // It scrolls on wide screens, and what scrolls has to be reachable by keyboard.
  scroller.tabIndex = 0;

  const draw = (atMs: number): void => {
    for (const call of calls.values()) call.draw(atMs);
    summary.textContent = [formatCounted(calls.size, "call"), formatBytes(run.bytes), formatMs(atMs)].join(
      " · ",
    );
  };
  const drawSoon = (): void => {
    if (drawsSoon) return;
    drawsSoon = true;
    requestAnimationFrame(() => {
      drawsSoon = false;
      if (ticking !== undefined) draw(performance.now() - run.startedAt);
    });
  };
  const append = (line: HTMLElement): void => {
    const following = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < AT_END;
    list.append(line);
    if (following) scroller.scrollTop = scroller.scrollHeight;
  };
  const appendCounted = (line: HTMLElement): void => {
    run.lines += 1;
    if (run.lines <= MAX_LINES) return append(line);
    more.textContent = `… and ${formatCounted(run.lines - MAX_LINES, "more line")}`;
    if (!more.isConnected) append(more);
  };

  return {
    handle(event) {
      const atMs = performance.now() - run.startedAt;
      switch (event.type) {
        case "started":
          calls.clear();
          list.replaceChildren();
          empty.hidden = true;
          Object.assign(run, { startedAt: performance.now(), lines: 0, bytes: 0 });
          clearInterval(ticking);
          ticking = setInterval(drawSoon, TICK_MS);
          return drawSoon();
        case "tool_call": {
          const line = createCallLine(event.name, event.args, atMs);
          calls.set(event.call, line);
          appendCounted(line.node);
          return drawSoon();
        }
        case "tool_progress": {
          const { progress, total, message } = event;
          const steps = total === undefined ? `step ${progress}` : `step ${progress} of ${total}`;
          return calls.get(event.call)?.showProgress(message ?? steps);
        }
        case "tool_result":
          run.bytes += event.bytes;
          calls.get(event.call)?.end(atMs, event);
          return drawSoon();
        case "log":
          return appendCounted(logLine(event, atMs));
        case "host_call":
          run.bytes += event.bytes;
          return appendCounted(hostCallLine(event, atMs));
        case "approval":
          calls.get(event.request.call)?.showProgress("waits for approval");
          return undefined;
        case "preparing":
          return appendCounted(preparingLine(event, atMs));
        case "memory_pressure":
          return appendCounted(pressureLine(event, atMs));
        case "memory":
          // The meter shows it.
          return undefined;
        case "running":
          return undefined;
        case "finished":
          clearInterval(ticking);
          ticking = undefined;
          // What somebody has to decide about is not over.
          if (event.result.status !== "suspended") {
            for (const call of calls.values()) call.end(atMs, undefined);
          }
          append(endLine(event.result, atMs));
          return draw(atMs);
        default:
          event satisfies never;
      }
    },
  };
}
