// What every runtime in a worker beside a guest has in common: its place and its boot. The page's commands
// are trusted; what the runtime posts is checked again on the page.

import type { Envelope, RuntimeCommand, RuntimeMessage } from "../protocol/guest-protocol.ts";
import { createRunServer, type Runtime } from "./run-server.ts";

/** What the keeper hands to a worker before anything else. */
export interface BootMessage {
  readonly type: "boot";
  /** What is around the worker: the sandbox frame of a page, or a process that may do nothing. */
  readonly place?: "process";
  readonly modules: Readonly<Record<string, WebAssembly.Module>>;
  readonly files: Readonly<Record<string, ArrayBuffer>>;
  /** Written by the keeper when a run's time is over; only where the page is cross-origin isolated. */
  readonly interrupts?: SharedArrayBuffer;
}

/** Serves runs from a dedicated worker. */
export function serve(boot: (message: BootMessage) => Promise<Runtime>): void {
  // Taken now: a runtime may empty the worker's scope.
  const postMessage = self.postMessage.bind(self);
  const post = (message: RuntimeMessage): void => postMessage(JSON.stringify(message));
  let receive: ReturnType<typeof createRunServer> | undefined;

  self.onmessage = async ({ data }: MessageEvent<BootMessage | Envelope<RuntimeCommand>>) => {
    if (!("type" in data)) return receive?.(data);
    const problem = findOpenDoor(data.place);
    if (problem !== undefined) return post({ type: "unfit", message: problem });
    try {
      receive = createRunServer(post, await boot(data));
    } catch (error) {
      // Nobody would hear of it: a rejection in a worker reaches no error handler outside.
      return post({ type: "unfit", message: String(error) });
    }
    return post({ type: "ready" });
  };
}

/** Looks for a layer that is missing around this worker, and names it. */
function findOpenDoor(place: BootMessage["place"]): string | undefined {
  if (place === "process" && "Deno" in self) return "the worker's scope holds what the process may do";
  if (place === undefined && self.origin !== "null") return `the worker runs in the origin ${self.origin}`;
  try {
    // The policy of the frame, or the engine of the process, must refuse to turn text into code.
    new Function("");
    return place === undefined
      ? "the content security policy of the frame is not in force"
      : "the process turns text into code";
  } catch {
    return undefined;
  }
}
