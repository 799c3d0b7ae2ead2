import type { KeptEvent } from "../run-events.ts";
import type { HostRun } from "../runs.ts";

/** How events are written: a line of JSON each, or server-sent events. */
export type EventFormat = "ndjson" | "sse";

/** What a caller asked for by its Accept header; `json` for one answer without events. */
export function formatOf(headers: Headers, usual: EventFormat | "json"): EventFormat | "json" {
  const accept = (headers.get("accept") ?? "").toLowerCase();
  if (accept.includes("text/event-stream")) return "sse";
  if (accept.includes("application/x-ndjson")) return "ndjson";
  return accept.includes("application/json") ? "json" : usual;
}

/** How often a silent stream of server-sent events shows that it lives. Milliseconds. */
const HEARTBEAT_MS = 15_000;

/**
 * The events of a run behind number `after`, as they come, to its end. They are read from the run's buffer, as
 * fast as the client takes them: a slow one misses events, and costs no memory.
 */
export function respondWithEvents(
  run: HostRun,
  options: { readonly format: EventFormat; readonly after: number; readonly onLeft?: () => void },
): Response {
  const { format } = options;
  const encoder = new TextEncoder();
  let seq = options.after;
  let left = false;
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const event = run.events.after(seq);
          if (event !== undefined) {
            seq = event.seq;
            return controller.enqueue(encoder.encode(write(event, format)));
          }
          if (run.events.ended) return controller.close();
          const isAlive = await orHeartbeat(run.events.changed(), format);
          if (left) return;
          if (!isAlive) return controller.enqueue(encoder.encode(": waiting\n\n"));
        }
      },
      cancel() {
        left = true;
        if (!run.events.ended) options.onLeft?.();
      },
    },
    { highWaterMark: 0 },
  );
  const type = format === "sse" ? "text/event-stream" : "application/x-ndjson";
  return new Response(body, {
    headers: { "content-type": `${type}; charset=utf-8`, "x-accel-buffering": "no" },
  });
}

function write({ seq, type, json }: KeptEvent, format: EventFormat): string {
  return format === "ndjson" ? `${json}\n` : `id: ${seq}\nevent: ${type}\ndata: ${json}\n\n`;
}

/** True when something changed; false when nothing did for a while, and that has to be said. */
async function orHeartbeat(changed: Promise<void>, format: EventFormat): Promise<boolean> {
  if (format === "ndjson") return changed.then(() => true);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silent = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), HEARTBEAT_MS);
  });
  const isAlive = await Promise.race([changed.then(() => true), silent]);
  clearTimeout(timer);
  return isAlive;
}
