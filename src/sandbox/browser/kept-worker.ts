// Starts the keeper's workers: as its own, or where that is not safe through the frame's document.

import type { DocumentNotice, DocumentRequest } from "./frame-control.ts";
import portSource from "./worker-port.ts?script";

/** What the keeper needs of a worker. */
export interface KeptWorker {
  onmessage: ((event: MessageEvent<unknown>) => void) | null;
  onmessageerror: ((event: MessageEvent<unknown>) => void) | null;
  /** The script did not load, or something was thrown that nobody caught. */
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(data: unknown, transfer?: Transferable[]): void;
  terminate(): void;
}

/**
 * In Firefox (ESR 153) a worker that starts a worker hangs now and then for ever in `new Worker`: parent and
 * child wait for signals of one and the same condition, and the child takes the one that is the parent's.
 */
const MAY_START_WORKERS = !/\bFirefox\//.test(navigator.userAgent);

/** The script as {@link startWorker} needs it. */
export function keptScript(source: string): string {
  return MAY_START_WORKERS ? source : `${portSource}\n${source}`;
}

/** Starts a worker from the address of a {@link keptScript}. */
export function startWorker(url: string): KeptWorker {
  return MAY_START_WORKERS ? new Worker(url) : new DocumentWorker(url);
}

const ofDocument = new Map<number, DocumentWorker>();
let last = 0;

/** A worker that the frame's document started for us. It speaks to us over a port, and never to the document. */
class DocumentWorker implements KeptWorker {
  onmessage: KeptWorker["onmessage"] = null;
  onmessageerror: KeptWorker["onmessageerror"] = null;
  onerror: KeptWorker["onerror"] = null;
  readonly #id: number;
  readonly #port: MessagePort;

  constructor(url: string) {
    last += 1;
    this.#id = last;
    ofDocument.set(last, this);
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.onmessage = (event) => this.onmessage?.(event);
    port1.onmessageerror = (event) => this.onmessageerror?.(event);
    ask({ start: last, url }, [port2]);
  }

  postMessage(data: unknown, transfer: Transferable[] = []): void {
    this.#port.postMessage(data, transfer);
  }

  terminate(): void {
    ofDocument.delete(this.#id);
    this.#port.close();
    ask({ end: this.#id });
  }
}

function ask(request: DocumentRequest, transfer: Transferable[] = []): void {
  self.postMessage(request, { transfer });
}

/** Takes what the document says of a worker that it started. */
export function hearDocument({ failed }: DocumentNotice): void {
  ofDocument.get(failed)?.onerror?.(new ErrorEvent("error"));
}
