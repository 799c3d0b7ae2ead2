import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { build } from "vite";
import { closeServer, listen, type RunningServer } from "../../../../demo/servers/loopback.ts";

/** How the service behaves towards the pages of one licence key. */
export type ServiceMode =
  /** As it should. */
  | "well"
  /** Nobody answers. */
  | "down"
  /** It answers, warns, and starts nothing. */
  | "warn"
  /** It answers that it will not. */
  | "refuse"
  /** Its processes follow no signal. */
  | "deaf";

export interface SpawnRequest {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export type ServiceEvent =
  | { readonly type: "output"; readonly process: number; readonly base64: string }
  | { readonly type: "exit"; readonly process: number; readonly code: number };

/** The tree that `mount` of the API sends. */
interface Folder {
  readonly d: Readonly<Record<string, Folder | { readonly f: { readonly c: string; readonly b?: boolean } }>>;
}

/**
 * Stands in for the service behind @webcontainer/api. Its page speaks the API's own protocol; a
 * container is a temporary folder, and its `node` a real one.
 *
 * `POST /mode?client=…&mode=…` tells how it treats the pages of a licence key, and
 * `GET /processes?client=…` names their processes that live.
 */
export async function startContainerService(): Promise<RunningServer> {
  const modes = new Map<string, string>();
  const containers = new Map<string, Container>();
  let page: Promise<string> | undefined;

  const answer = async (request: IncomingMessage, url: URL): Promise<unknown> => {
    const client = url.searchParams.get("client") ?? "";
    const body: unknown = request.method === "POST" ? JSON.parse((await text(request)) || "null") : null;
    if (url.pathname === "/mode") {
      const mode = url.searchParams.get("mode");
      if (mode !== null) modes.set(client, mode);
      return modes.get(client) ?? "well";
    }
    if (url.pathname === "/processes") {
      return [...containers.values()].filter((one) => one.client === client).flatMap((one) => one.processes);
    }
    if (url.pathname === "/containers") {
      const container = new Container(client, await mkdtemp(path.join(tmpdir(), "mcp-optimizer-container-")));
      containers.set(container.id, container);
      return container.id;
    }
    const [, , id = "", ...rest] = url.pathname.split("/");
    const container = containers.get(id);
    if (container === undefined) throw new Error(`There is no container ${id}.`);
    return container.handle(rest, body, modes.get(container.client) === "deaf");
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", "http://127.0.0.1");
    if (url.pathname === "/headless" || url.pathname === "/headless.js") {
      if (modes.get(url.searchParams.get("client_id") ?? "") === "down") return void request.socket.destroy();
      page ??= buildPage();
      const isScript = url.pathname === "/headless.js";
      response.writeHead(200, { "content-type": isScript ? "text/javascript" : "text/html" });
      response.end(
        isScript ? await page : '<!doctype html><script type="module" src="/headless.js"></script>',
      );
      return;
    }
    const [, , id = "", last] = url.pathname.split("/");
    if (last === "events") return containers.get(id)?.follow(response);
    const result = await answer(request, url).then(
      (value) => ({ value }),
      (error: unknown) => ({ error: String(error) }),
    );
    // Tests ask from a page of another origin.
    response.writeHead(200, { "content-type": "application/json", "access-control-allow-origin": "*" });
    response.end(JSON.stringify(result));
  };

  const { port, server } = await listen((request, response) => void handle(request, response), {
    port: 0,
    host: "127.0.0.1",
    name: "The container service",
  });
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      await closeServer(server);
      await Promise.all([...containers.values()].map((container) => container.teardown()));
    },
  };
}

class Container {
  readonly client: string;
  readonly #root: string;
  readonly #processes = new Map<number, ChildProcess>();
  readonly #backlog: string[] = [];
  #events: ServerResponse | undefined;
  #last = 0;

  constructor(client: string, root: string) {
    this.client = client;
    this.#root = root;
  }

  get id(): string {
    return path.basename(this.#root);
  }

  /** Operating system's numbers of the processes that live. */
  get processes(): readonly number[] {
    return [...this.#processes.values()].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  follow(response: ServerResponse): void {
    this.#events = response;
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    response.write(this.#backlog.splice(0).join(""));
  }

  async handle(words: readonly string[], body: unknown, deaf: boolean): Promise<unknown> {
    const [noun, name = "", verb] = words;
    if (noun === "fs" && Array.isArray(body)) return this.#file(name, body);
    if (noun === "mount") {
      const { mountPoint, tree } = body as { readonly mountPoint: string; readonly tree: Folder };
      return this.#mount(this.#inside(mountPoint), tree);
    }
    if (noun === "reserve") {
      this.#last += 1;
      return this.#last;
    }
    if (noun === "teardown") return this.teardown();
    const process = this.#processes.get(Number(name));
    if (verb === "spawn") return this.#spawn(Number(name), body as SpawnRequest);
    if (verb === "write") return process?.stdin?.write(String(body));
    if (verb === "kill") return deaf ? false : process?.kill();
    throw new Error(`The service knows no ${words.join("/")}.`);
  }

  async teardown(): Promise<void> {
    const ended = [...this.#processes.values()].map(
      (process) => new Promise((resolve) => process.once("exit", resolve).kill("SIGKILL")),
    );
    await Promise.all(ended);
    await rm(this.#root, { recursive: true, force: true });
    this.#events?.end();
  }

  async #file(operation: string, [file, ...args]: readonly unknown[]): Promise<unknown> {
    const place = this.#inside(String(file));
    switch (operation) {
      case "mkdir":
        return mkdir(place, { recursive: true });
      case "rm":
        return rm(place, { recursive: true, force: true });
      case "readdir":
        return readdir(place);
      case "readFile":
        return readFile(place, "utf8");
      case "writeFile":
        return writeFile(place, String(args[0]));
      case "rename":
        return rename(place, this.#inside(String(args[0])));
      default:
        throw new Error(`The service knows no ${operation}.`);
    }
  }

  async #mount(place: string, { d: entries }: Folder): Promise<void> {
    await mkdir(place, { recursive: true });
    for (const [name, entry] of Object.entries(entries)) {
      if ("d" in entry) await this.#mount(path.join(place, name), entry);
      else await writeFile(path.join(place, name), entry.f.c, entry.f.b === true ? "latin1" : "utf8");
    }
  }

  async #spawn(id: number, { command, args, cwd = ".", env }: SpawnRequest): Promise<void> {
    if (command !== "node") throw new Error(`ENOENT: ${command}`);
    const child = spawn(process.execPath, args, {
      cwd: this.#inside(cwd),
      env: { HOME: this.#root, ...env },
      stdio: "pipe",
    });
    this.#processes.set(id, child);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data: Buffer) => {
        if (this.#tell({ type: "output", process: id, base64: data.toString("base64") })) return;
        // A page that is slower than the process holds it up, as a terminal would.
        stream.pause();
        this.#events?.once("drain", () => stream.resume());
      });
    }
    // A process that ended takes no more input.
    child.stdin.on("error", () => {});
    child.on("close", (code, signal) => {
      this.#processes.delete(id);
      this.#tell({ type: "exit", process: id, code: code ?? (signal === null ? 1 : 143) });
    });
  }

  /** `false` when the page is behind. */
  #tell(event: ServiceEvent): boolean {
    const line = `${JSON.stringify(event)}\n`;
    return this.#events === undefined ? this.#backlog.push(line) > 0 : this.#events.write(line);
  }

  #inside(file: string): string {
    const place = path.resolve(this.#root, file);
    if (!place.startsWith(this.#root)) throw new Error(`${file} lies outside of the container.`);
    return place;
  }
}

async function buildPage(): Promise<string> {
  const output = await build({
    configFile: false,
    logLevel: "error",
    build: {
      write: false,
      target: "es2022",
      modulePreload: false,
      rolldownOptions: { input: path.join(import.meta.dirname, "headless.ts") },
    },
  });
  const [chunk] = (Array.isArray(output) ? output : [output]).flatMap((one) =>
    "output" in one ? one.output : [],
  );
  if (chunk?.type !== "chunk") throw new Error("The page of the container service was not built.");
  return chunk.code;
}
