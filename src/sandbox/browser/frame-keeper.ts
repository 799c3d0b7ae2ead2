// The keeper: the one worker of the sandbox frame that is ours alone. It starts the runtimes' workers as
// its own and stands between them and the page: what a worker posts goes on only as text, inside a size
// and inside the credits that the page gives. It has a thread of its own, so that nothing else in the
// frame's process (other frames of the page share it) comes between a run and the page.

import { expose } from "comlink";
import {
  CREDIT_WINDOW,
  LOG_ENTRY_BYTES,
  messageCharacters,
  parseRuntimeMessage,
  type RuntimeLimits,
} from "../../protocol/guest-protocol.ts";
import type { FrameControl, FrameEnvelope, FrameNotice } from "./frame-control.ts";

const kinds = new Map<
  string,
  { readonly url: string; readonly modules: Readonly<Record<string, WebAssembly.Module>> }
>();
const workers = new Map<number, Worker>();
let lastWorker = 0;

const control: FrameControl = {
  async load(kind, source, binaries) {
    const modules = await Promise.all(
      Object.entries(binaries).map(
        async ([name, bytes]) => [name, await WebAssembly.compile(bytes)] as const,
      ),
    );
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    kinds.set(kind, { url, modules: Object.fromEntries(modules) });
  },

  spawn(kind, port) {
    const runtime = kinds.get(kind);
    if (runtime === undefined) throw new Error(`no runtime ${kind} was loaded`);
    const worker = new Worker(runtime.url);
    lastWorker += 1;
    const id = lastWorker;
    workers.set(id, worker);
    relay(id, worker, port);
    worker.postMessage({ type: "boot", modules: runtime.modules });
    return id;
  },

  terminate,

  ping: () => true,
};

function terminate(id: number): void {
  workers.get(id)?.terminate();
  workers.delete(id);
}

function relay(id: number, worker: Worker, port: MessagePort): void {
  let unacknowledged = 0;
  let characters = messageCharacters({ maxMessageBytes: 0, maxOutputBytes: 0 });
  let limits: RuntimeLimits | undefined;
  const notify = (notice: FrameNotice): void => {
    terminate(id);
    port.postMessage(notice);
    port.close();
  };
  worker.onmessage = ({ data }: MessageEvent<unknown>) => {
    unacknowledged += 1;
    if (unacknowledged > CREDIT_WINDOW)
      return notify({ ended: "flood", message: "The worker flooded the page." });
    if (typeof data !== "string")
      return notify({ ended: "flood", message: "The worker sent something that is no text." });
    if (data.length > characters)
      return notify({ ended: "flood", message: "The worker sent a message over its size." });
    if (limits === undefined || data.length <= CHEAP_CHARACTERS) return port.postMessage(data);
    const message = rewrite(data, limits);
    if (message === undefined)
      return notify({ ended: "flood", message: "The worker sent a large message of its own making." });
    port.postMessage(message);
  };
  worker.onmessageerror = () => notify({ ended: "crash", message: "The worker sent what can't be read." });
  worker.onerror = (event) => {
    event.preventDefault();
    notify({ ended: "crash", message: "The worker crashed." });
  };
  port.onmessage = ({ data }: MessageEvent<FrameEnvelope>) => {
    const { credits, command } = data;
    unacknowledged -= credits;
    if (command?.type === "run") {
      limits = command.limits;
      characters = messageCharacters(limits);
    }
    worker.postMessage(data);
  };
}

/** Messages up to this length cost the page next to nothing, whatever is in them. */
const CHEAP_CHARACTERS = 16 * 1024;

/**
 * Writes a large message anew with only what the protocol knows, so that the page parses a few long
 * texts and never a million small values. `undefined` for what no runtime of ours would send.
 */
function rewrite(data: string, limits: RuntimeLimits): string | undefined {
  try {
    const message = parseRuntimeMessage(data);
    const { calls = [], logs = [] } =
      "calls" in message ? message : "logs" in message ? { logs: message.logs } : {};
    const fits =
      calls.length <= limits.maxToolCallsInFlight && logs.length * LOG_ENTRY_BYTES <= limits.maxOutputBytes;
    return fits ? JSON.stringify(message) : undefined;
  } catch {
    return undefined;
  }
}

addEventListener("message", ({ data: port }: MessageEvent<MessagePort>) => expose(control, port));
self.postMessage("ready");
