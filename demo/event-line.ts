import type { JsonObject, LogEntry, RunEvent, RunResult, ToolCallRecord } from "../src/index.ts";
import { element } from "./element.ts";
import { formatBytes, formatMs } from "./format.ts";

const MAX_ARGUMENT_CHARS = 140;

/** A tool call's line: it changes while the call runs. Times count from the start of the run. */
export interface CallLine {
  readonly node: HTMLElement;
  /** Lays the call's bar where it ran in the run so far, so that parallel calls look parallel. */
  draw(nowMs: number): void;
  showProgress(text: string): void;
  /** The call was answered, or the run ended without an answer. */
  end(atMs: number, record: ToolCallRecord | undefined): void;
}

export function createCallLine(name: string, args: JsonObject, startMs: number): CallLine {
  const facts = element("span", { class: "event-facts" }, "waiting…");
  const fill = element("span", { class: "bar-fill" });
  const note = element("div", { class: "event-note" });
  const text = Object.entries(args)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
    .join(", ");
  if (text !== "") note.append(element("code", {}, clip(text, MAX_ARGUMENT_CHARS)));
  const node = element(
    "li",
    { class: "event call waiting" },
    timeCell(startMs),
    element("span", { class: "event-name" }, name),
    facts,
    element("span", { class: "bar-track", "aria-hidden": "true" }, fill),
    note,
  );
  let endMs: number | undefined;
  return {
    node,
    draw(nowMs) {
      const totalMs = Math.max(1, nowMs);
      fill.style.marginInlineStart = `${(startMs / totalMs) * 100}%`;
      fill.style.width = `${(((endMs ?? nowMs) - startMs) / totalMs) * 100}%`;
    },
    showProgress(text) {
      facts.textContent = text;
    },
    end(atMs, record) {
      if (endMs !== undefined) return;
      endMs = atMs;
      const failed = record === undefined || record.error !== undefined;
      node.className = `event call ${failed ? "failed" : "answered"}`;
      facts.textContent = record === undefined ? "not answered" : factsOf(record);
      if (record?.error !== undefined)
        note.append(element("p", { class: "event-error" }, record.error.message));
    },
  };
}

/** A line that the program wrote. */
export function logLine({ level, text }: LogEntry, atMs: number): HTMLElement {
  const spoken = element("span", { class: "visually-hidden" }, `${level}: `);
  return element(
    "li",
    { class: `event log ${level}` },
    timeCell(atMs),
    element("span", { class: "event-log" }, spoken, text),
  );
}

const STEPS = {
  loading: "is loading, once for this page",
  starting: "starts a fresh interpreter",
  ready: "is ready",
} as const;

/** No worker was ready for the run: how far one is. */
export function preparingLine(
  { sandbox, step }: Extract<RunEvent, { type: "preparing" }>,
  atMs: number,
): HTMLElement {
  return element(
    "li",
    { class: "event" },
    timeCell(atMs),
    element("span", { class: "event-log" }, `${sandbox} ${STEPS[step]}`),
  );
}

/** The program will be stopped soon if it goes on like this. */
export function pressureLine(
  { memoryBytes, limitBytes }: Extract<RunEvent, { type: "memory_pressure" }>,
  atMs: number,
): HTMLElement {
  const text = `Memory gets scarce: ${formatBytes(memoryBytes)} of ${formatBytes(limitBytes)}`;
  return logLine({ level: "warn", text }, atMs);
}

const ENDS = {
  returned: "Returned its value",
  threw: "Threw an error",
  stopped: "Stopped",
  suspended: "Waits for you",
} as const;

/** How the run ended. */
export function endLine({ status }: RunResult, atMs: number): HTMLElement {
  return element("li", { class: `event end ${status}` }, timeCell(atMs), element("span", {}, ENDS[status]));
}

/** A call that the host made with a server of its own. */
export function hostCallLine(event: Extract<RunEvent, { type: "host_call" }>, atMs: number): HTMLElement {
  const level = event.error === undefined ? "info" : "warn";
  return logLine({ level, text: `The host called ${event.name}: ${factsOf(event)}` }, atMs);
}

function factsOf({ ms, bytes, cached, error }: ToolCallRecord): string {
  const size = error === undefined ? ` · ${formatBytes(bytes)}` : " · failed";
  return `${formatMs(ms)}${size}${cached ? " · cached" : ""}`;
}

function timeCell(atMs: number): HTMLElement {
  return element("span", { class: "event-time" }, formatMs(atMs));
}

function clip(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)}…`;
}
