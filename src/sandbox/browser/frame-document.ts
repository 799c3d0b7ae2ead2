// The only script of the sandbox frame's document. It runs in an opaque origin under the frame's own
// policy, checks that these walls stand, and hands the page's port to the keeper. No guest ever runs
// on this thread, which could navigate the frame.

import type { DocumentNotice, DocumentRequest } from "./frame-control.ts";
import keeperSource from "./frame-keeper.ts?script";

/** Tells the page how the frame came up: with the problem, or ready. */
function announce(problem?: string): void {
  parent.postMessage({ sandbox: "ready", problem }, "*");
}

/** Names the wall that is missing around this document, if one is. */
function findOpenDoor(): string | undefined {
  if (self.origin !== "null") return `the frame has the origin ${self.origin}`;
  try {
    void self.localStorage;
    return "the frame can reach the storage of the page";
  } catch {
    // As it should be.
  }
  try {
    new Function("");
    return "the frame's content security policy is not in force";
  } catch {
    return undefined;
  }
}

function start(): void {
  const keeper = new Worker(URL.createObjectURL(new Blob([keeperSource], { type: "text/javascript" })));
  keeper.onerror = (event) => {
    event.preventDefault();
    announce("the keeper of the workers did not start");
  };
  const startFor = serveWorkers(keeper);
  keeper.onmessage = ({ data, ports }: MessageEvent<"ready" | DocumentRequest>) => {
    if (data === "ready") announce();
    else startFor(data, ports);
  };
  addEventListener("message", function listen(event: MessageEvent<unknown>) {
    const [port] = event.ports;
    if (event.source !== parent || port === undefined) return;
    removeEventListener("message", listen);
    keeper.postMessage(port, [port]);
  });
}

/** Starts workers for a keeper that can't, and ends them. They speak to the keeper, over the port that they get. */
function serveWorkers(keeper: Worker): (request: DocumentRequest, ports: readonly MessagePort[]) => void {
  const workers = new Map<number, Worker>();
  return (request, ports) => {
    if ("end" in request) {
      workers.get(request.end)?.terminate();
      workers.delete(request.end);
      return;
    }
    const worker = new Worker(request.url);
    workers.set(request.start, worker);
    worker.onerror = (event) => {
      event.preventDefault();
      keeper.postMessage({ failed: request.start } satisfies DocumentNotice);
    };
    worker.postMessage(null, [...ports]);
  };
}

const problem = findOpenDoor();
if (problem === undefined) start();
else announce(problem);
