// The keeper: the one worker of the sandbox frame that is ours alone. It starts the runtimes' workers as
// its own and stands between them and the page: what a worker posts goes on only as text, inside a size
// and inside the credits that the page gives. It has a thread of its own, so that nothing else in the
// frame's process (other frames of the page share it) comes between a run and the page.

import { expose } from "comlink";
import {
  CREDIT_WINDOW,
  LOG_ENTRY_BYTES,
  messageCharacters,
  type RuntimeLimits,
} from "../../protocol/guest-protocol.ts";
import { parseRuntimeMessage } from "../../protocol/parse-runtime-message.ts";
import { preparedCharacters } from "../../protocol/prepared-program.ts";
import { capWasmMemory } from "../wasm-memory.ts";
import type {
  DocumentNotice,
  FrameControl,
  FrameEnvelope,
  FrameNotice,
  PackedFile,
} from "./frame-control.ts";
import { hearDocument, type KeptWorker, keptScript, startWorker } from "./kept-worker.ts";

interface Kind {
  readonly modules: Readonly<Record<string, WebAssembly.Module>>;
  readonly files: Readonly<Record<string, ArrayBuffer>>;
  /** Address of the script. */
  readonly url: string;
}

const kinds = new Map<string, Kind>();
const workers = new Map<number, KeptWorker>();
let lastWorker = 0;

const control: FrameControl = {
  async load(kind, { source, modules, files }) {
    const url = blobUrl(keptScript(source));
    kinds.set(kind, {
      modules: await mapValues(modules, async (module) => {
        const bytes = await unpack(module);
        const { maxPages } = module;
        return WebAssembly.compile(
          maxPages === undefined ? bytes : capWasmMemory(new Uint8Array(bytes), maxPages),
        );
      }),
      files: await mapValues(files, unpack),
      url,
    });
  },

  spawn(name, port) {
    const kind = kinds.get(name);
    if (kind === undefined) throw new Error(`no runtime ${name} was loaded`);
    const worker = startWorker(kind.url);
    lastWorker += 1;
    const id = lastWorker;
    workers.set(id, worker);
    // Memory can be shared only inside a page that is cross-origin isolated.
    const interrupts = crossOriginIsolated ? new SharedArrayBuffer(4) : undefined;
    relay(id, worker, port, () => {
      if (interrupts !== undefined) Atomics.store(new Int32Array(interrupts), 0, SIGINT);
    });
    const boot = async (): Promise<void> => {
      if (!workers.has(id)) return;
      const { modules } = kind;
      // Copies that are given away: what is copied while it is posted is copied twice.
      const files = await mapValues(kind.files, async (file) => file.slice(0));
      const message = { type: "boot", modules, files, ...(interrupts === undefined ? {} : { interrupts }) };
      worker.postMessage(message, Object.values(files));
    };
    // Copying megabytes would hold up the start of the worker's thread, which needs this one for a moment.
    if (Object.values(kind.files).every((file) => file.byteLength <= CHEAP_BYTES)) void boot();
    else setTimeout(boot, THREAD_START_MS);
    return id;
  },

  terminate,

  ping: () => true,
};

/** A worker's thread has begun by then, and reads its script. Milliseconds. */
const THREAD_START_MS = 20;

/** Files up to this size are copied in no time. */
const CHEAP_BYTES = 1024 * 1024;

/** What Python takes for an interrupt from the keyboard. */
const SIGINT = 2;

function blobUrl(source: string): string {
  return URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
}

async function mapValues<T, U>(
  values: Readonly<Record<string, T>>,
  map: (value: T) => Promise<U>,
): Promise<Record<string, U>> {
  const entries = Object.entries(values).map(async ([name, value]) => [name, await map(value)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

async function unpack({ bytes, gzipped }: PackedFile): Promise<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes;
  if (!gzipped) return buffer.slice(byteOffset, byteOffset + byteLength);
  const { readable, writable } = new DecompressionStream("gzip");
  const writer = writable.getWriter();
  // What is wrong with the bytes, the reader hears too.
  writer.write(bytes).catch(() => {});
  writer.close().catch(() => {});
  return new Response(readable).arrayBuffer();
}

function terminate(id: number): void {
  workers.get(id)?.terminate();
  workers.delete(id);
}

function relay(id: number, worker: KeptWorker, port: MessagePort, interrupt: () => void): void {
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
    if (command?.type === "interrupt") interrupt();
    if (command?.type === "parse") characters = preparedCharacters(command);
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
    const calls = "calls" in message ? message.calls : message.type === "frozen" ? message.open : [];
    const logs = "logs" in message ? message.logs : [];
    const fits =
      calls.length <= limits.maxToolCallsInFlight && logs.length * LOG_ENTRY_BYTES <= limits.maxOutputBytes;
    return fits ? JSON.stringify(message) : undefined;
  } catch {
    return undefined;
  }
}

addEventListener("message", ({ data }: MessageEvent<MessagePort | DocumentNotice>) => {
  if (data instanceof MessagePort) expose(control, data);
  else hearDocument(data);
});
self.postMessage("ready");
