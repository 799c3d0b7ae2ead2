// HTTP bodies from an MCP server cross here. The server may send without end, so every body is
// counted while it is read: a plain body as a whole, an event stream event by event.

import { OptimizerError } from "../base/errors.ts";
import { readStream } from "../base/read-stream.ts";

/** The part of `fetch` that the SDK's transports use. */
export type FetchLike = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** A `fetch` that reads at most so much, and remembers that it had to stop. */
export interface LimitedFetch {
  readonly fetch: FetchLike;
  /**
   * The excess that ended an event stream since the last question. The SDK reports such a stream
   * only as ended, so whoever reports the end asks here why.
   */
  takeOverflow(): OptimizerError | undefined;
}

/** Wraps `fetch` so that reading a body fails with 429 `response_too_large` beyond `maxBytes`. */
export function createLimitedFetch(fetch: FetchLike, maxBytes: number): LimitedFetch {
  let overflow: OptimizerError | undefined;
  return {
    async fetch(url, init) {
      const response = await fetch(url, init);
      if (response.body === null) return response;
      const streams = response.headers.get("content-type")?.includes("text/event-stream") === true;
      const announced = Number(response.headers.get("content-length") ?? 0);
      if (!streams && announced > maxBytes) {
        await response.body.cancel().catch(() => {});
        throw tooLarge(maxBytes);
      }
      const body = streams
        ? response.body.pipeThrough(
            countEvents(maxBytes, (error) => {
              overflow = error;
            }),
          )
        : await readBody(response.body, maxBytes);
      const { status, statusText, headers } = response;
      const limited = new Response(body, { status, statusText, headers });
      // A constructed response forgets where it came from; the SDK's event source asks for both.
      Object.defineProperties(limited, {
        url: { value: response.url },
        redirected: { value: response.redirected },
      });
      return limited;
    },
    takeOverflow() {
      const error = overflow;
      overflow = undefined;
      return error;
    },
  };
}

async function readBody(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const whole = await readStream(body, maxBytes);
  if (whole === undefined) throw tooLarge(maxBytes);
  return whole;
}

/** Counts from one blank line to the next: an event stream may live for hours, one event may not grow for ever. */
function countEvents(
  maxBytes: number,
  onOverflow: (error: OptimizerError) => void,
): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  const newline = 10;
  let eventBytes = 0;
  let lineBytes = 0;
  return new TransformStream({
    transform(chunk, controller) {
      let start = 0;
      for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
        lineBytes += end - start;
        eventBytes += end - start + 1;
        if (lineBytes <= 1) eventBytes = 0; // empty, or the "\r" of a line that ends in "\r\n"
        if (eventBytes > maxBytes) break;
        lineBytes = 0;
        start = end + 1;
      }
      lineBytes += chunk.byteLength - start;
      eventBytes += chunk.byteLength - start;
      if (eventBytes > maxBytes) {
        const error = tooLarge(maxBytes);
        onOverflow(error);
        throw error;
      }
      controller.enqueue(chunk);
    },
  });
}

function tooLarge(maxBytes: number): OptimizerError {
  return new OptimizerError(`The server's answer exceeds ${maxBytes} bytes.`, {
    code: 429,
    kind: "response_too_large",
    hint: "Ask for less: use the tool's limit, page or filter arguments. The bound is the server option maxResponseBytes.",
  });
}
