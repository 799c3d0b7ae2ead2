// What crosses here: messages of a runtime's worker, on their way to the standard output of a Deno process that
// may do nothing. A guest that breaks out of its engine speaks for that worker and may post whatever it likes; it
// does not run in this realm, which ends the process when nobody drives it any more, or when it takes too much, also
// while the worker is in a loop.

import { type BootHead, MAX_HEAD_BYTES } from "../protocol/deno-boot.ts";
import {
  type Envelope,
  messageCharacters,
  type Program,
  type RuntimeCommand,
  type RuntimeMessage,
  type RuntimeStopReason,
} from "../protocol/guest-protocol.ts";
import { parseRuntimeMessage } from "../protocol/parse-runtime-message.ts";
import {
  findMessage,
  fromLineCommand,
  type LineCommand,
  LineSplitter,
  type Mark,
  parseOpening,
  toLine,
} from "../protocol/stdio-lines.ts";
import type { BootMessage } from "./serve.ts";

/** How often it is looked at what the process takes. Milliseconds. */
const WATCH_MS = 50;

/** What the process must not be able to do, as Deno calls it. */
const PERMISSIONS = ["read", "write", "net", "env", "sys", "run", "ffi", "import"];

const MIB = 1024 * 1024;

/** Limits of a program that warms the engine up. */
const WARM_UP_LIMITS = {
  timeoutMs: 30_000,
  memoryBytes: 16 * MIB,
  maxOutputBytes: MIB,
  maxToolCalls: 0,
  maxToolCallsInFlight: 1,
  maxMessageBytes: MIB,
};

/** Makes the scope that of a plain worker: without Deno's own names, and not ended by a promise that nobody handles. */
const PLAIN =
  "delete globalThis.Deno;delete globalThis.process;" +
  'addEventListener("unhandledrejection",(event)=>event.preventDefault());';

async function keep(): Promise<void> {
  const head: BootHead = JSON.parse(new TextDecoder().decode(readLine()));
  const script = new TextDecoder().decode(readBytes(head.script));
  // Its thread begins while the rest is on its way.
  const worker = startWorker(script);
  const compiled = Object.entries(head.modules).map(
    async ([name, size]) => [name, await WebAssembly.compile(readBytes(size))] as const,
  );
  const files = Object.fromEntries(
    Object.entries(head.files).map(([name, size]) => [name, readBytes(size).buffer]),
  );
  const link = new Link(worker, head);
  const listening = link.listen();
  const boot: BootMessage = {
    type: "boot",
    place: "process",
    modules: Object.fromEntries(await Promise.all(compiled)),
    files,
  };
  await link.open;
  const granted = PERMISSIONS.filter((name) => Deno.permissions.querySync({ name }).state !== "denied");
  if (granted.length > 0) {
    link.post({ type: "unfit", message: `the process may still do this: ${granted.join(", ")}` });
  } else {
    worker.postMessage(boot, Object.values(files));
  }
  await listening;
  // Nobody drives it any more.
  Deno.exit(0);
}

function startWorker(script: string): Worker {
  const url = URL.createObjectURL(new Blob([PLAIN, script], { type: "text/javascript" }));
  return new Worker(url, { type: "module" });
}

/** The way between the worker and whoever drives this process. */
class Link {
  /** Resolves when the mark is known. */
  readonly open: Promise<void>;
  readonly #worker: Worker;
  readonly #head: BootHead;
  readonly #opened = Promise.withResolvers<void>();
  readonly #warmUp: Program[];
  #mark: Mark | undefined;
  /** Messages that nobody outside gives credits for. */
  #unheard = 0;
  #run = "";
  #characters = messageCharacters({ maxMessageBytes: 0, maxOutputBytes: 0 });

  constructor(worker: Worker, head: BootHead) {
    this.#worker = worker;
    this.#head = head;
    this.#warmUp = [...head.warmUp];
    this.open = this.#opened.promise;
    worker.onmessage = ({ data }: MessageEvent<unknown>) => this.#prepare(data);
    worker.onmessageerror = () => this.#pass(undefined);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#stop("crashed", `The worker failed: ${event.message}`);
    };
  }

  /** Takes what is said on standard input. Resolves with its end. */
  async listen(): Promise<void> {
    const lines = new LineSplitter(Number.POSITIVE_INFINITY);
    for await (const piece of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
      for (const line of lines.push(piece)) {
        if (this.#mark === undefined) {
          this.#mark = parseOpening(line).mark;
          this.#opened.resolve();
          continue;
        }
        const json = findMessage(line, this.#mark);
        if (json !== undefined) this.#drive(JSON.parse(json));
      }
    }
  }

  post(message: RuntimeMessage | null): void {
    if (this.#mark === undefined) return;
    const bytes = new TextEncoder().encode(toLine(message, this.#mark));
    for (let at = 0; at < bytes.length; ) at += Deno.stdout.writeSync(bytes.subarray(at));
  }

  /** Runs what warms the engine up, then says that it is ready. No program of a guest's has run by then. */
  #prepare(data: unknown): void {
    const message = parseRuntimeMessage(data);
    this.#unheard += 1;
    if (message.type === "unfit") return this.#pass(data);
    if (message.type !== "ready" && message.type !== "done") return;
    const program = this.#warmUp.shift();
    if (program === undefined) {
      this.#worker.onmessage = ({ data }: MessageEvent<unknown>) => this.#pass(data);
      // Deno loads what this takes when it is first asked.
      this.#weigh();
      // That one is counted outside.
      this.#unheard -= 1;
      return this.post({ type: "ready" });
    }
    const command = { type: "run", run: "warm-up", program, namespaces: [], limits: WARM_UP_LIMITS } as const;
    this.#send({ credits: 0, command });
  }

  #drive({ credits, command }: Envelope<LineCommand>): void {
    if (command?.type === "run") {
      this.#run = command.run;
      this.#characters = messageCharacters(command.limits);
      setInterval(() => this.#weigh(), WATCH_MS);
    }
    this.#send({ credits, ...(command === undefined ? {} : { command: fromLineCommand(command) }) });
  }

  #send({ credits, ...rest }: Envelope<RuntimeCommand>): void {
    this.#worker.postMessage({ credits: credits + this.#unheard, ...rest });
    this.#unheard = 0;
  }

  /** Whatever is no message of a runtime reaches the host as one that it can't take for any. */
  #pass(data: unknown): void {
    try {
      const fits = typeof data === "string" && data.length <= this.#characters;
      this.post(fits ? JSON.parse(data) : null);
    } catch {
      this.post(null);
    }
  }

  #weigh(): void {
    const { maxMemoryBytes, maxCpuSeconds } = this.#head;
    if (Deno.memoryUsage().rss > maxMemoryBytes) {
      this.#stop("memory", `The program's process took more than ${maxMemoryBytes} bytes of memory.`);
    }
    const { user, system } = process.cpuUsage();
    if (user + system > maxCpuSeconds * 1e6) {
      this.#stop("timeout", `The program's process took more than ${maxCpuSeconds} s of processor time.`);
    }
  }

  #stop(reason: RuntimeStopReason, message: string): never {
    const { rss } = Deno.memoryUsage();
    const outcome = { status: "stopped", reason, message } as const;
    this.post({ type: "done", run: this.#run, outcome, logs: [], peakMemoryBytes: rss });
    Deno.exit(1);
  }
}

/** Throws at the end of the stream: whoever started this process is gone. */
function readBytes(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; ) {
    const read = Deno.stdin.readSync(bytes.subarray(at));
    if (read === null) throw new Error("Standard input ended too early.");
    at += read;
  }
  return bytes;
}

function readLine(): Uint8Array {
  const bytes = new Uint8Array(MAX_HEAD_BYTES);
  for (let at = 0; at < bytes.length; at += 1) {
    const [byte = 0] = readBytes(1);
    if (byte === 10) return bytes.subarray(0, at);
    bytes[at] = byte;
  }
  throw new Error("The head is too long.");
}

void keep();
