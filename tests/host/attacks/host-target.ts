import { createSocket } from "node:dgram";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { CLAIM, type HostCase } from "./host-case.ts";

/** What a host has that a program may want, and who sees whether it got it. */
export interface HostTarget extends AsyncDisposable {
  /** Texts that must not come out. */
  readonly secrets: readonly string[];
  /** What reached a listener so far. */
  readonly hits: readonly string[];
  /** The names of {@link HostCase}, on lines before the program's own. */
  define(language: HostCase["language"], nonce: string): string;
  /** Files of that word in places of the host. */
  filesOf(nonce: string): readonly string[];
}

/** Where a program may leave a file. */
const WRITABLE = [
  ...new Set([process.cwd(), path.dirname(process.execPath), homedir(), tmpdir(), "/tmp", "/var/tmp"]),
  ...["/dev/shm", "/usr", "/usr/bin", "/etc", "/", "/opt"],
];

export async function openHostTarget(): Promise<HostTarget> {
  const folder = mkdtempSync(path.join(tmpdir(), "mcp-optimizer-target-"));
  const planted = `PLANTED_${crypto.randomUUID()}`;
  writeFileSync(path.join(folder, "planted.txt"), planted, { mode: 0o644 });
  chmodSync(folder, 0o777);
  const hits: string[] = [];
  const listen = async (name: string, at: object): Promise<ReturnType<typeof createServer>> => {
    const server = createServer((socket) => {
      hits.push(name);
      socket.destroy();
    });
    await once(server.listen(at), "listening");
    return server;
  };
  const socketFile = path.join(folder, "socket");
  const hidden = `mcp-optimizer-${crypto.randomUUID()}`;
  const tcp = await listen("tcp", { host: "127.0.0.1", port: 0 });
  const servers = [
    tcp,
    await listen("local", { path: socketFile }),
    await listen("hidden", { path: `\0${hidden}` }),
  ];
  chmodSync(socketFile, 0o777);
  const udp = createSocket("udp4", () => hits.push("udp"));
  await once(udp.bind(0, "127.0.0.1"), "listening");
  const address = tcp.address();
  const names = {
    PORT: typeof address === "object" && address !== null ? address.port : 0,
    UDP_PORT: udp.address().port,
    SOCKET: socketFile,
    HIDDEN: hidden,
    HOST_DIR: folder,
    HOST_PID: process.pid,
    CLAIM,
  };
  return {
    secrets: [planted, hostPath()],
    hits,
    define(language, nonce) {
      const prefix = language === "python" ? "" : "const ";
      return Object.entries({ ...names, NONCE: nonce })
        .map(([name, value]) => `${prefix}${name} = ${JSON.stringify(value)}\n`)
        .join("");
    },
    filesOf: (nonce) =>
      [folder, ...WRITABLE].map((one) => path.join(one, nonce)).filter((file) => existsSync(file)),
    async [Symbol.asyncDispose]() {
      udp.close();
      await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
      rmSync(folder, { recursive: true });
    },
  };
}

/** A variable of this process, as its environment was when it was started. */
function hostPath(): string {
  const environ = readFileSync("/proc/self/environ", "utf8").split("\0");
  const found = environ.find((entry) => entry.startsWith("PATH="));
  if (found === undefined || found.length < 20) throw new Error("This process has no PATH to plant.");
  return found;
}

/** Processes of the whole machine whose name or command line holds a word. */
export function processesOf(nonce: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        const text = readFileSync(`/proc/${pid}/cmdline`, "utf8") + readFileSync(`/proc/${pid}/comm`, "utf8");
        return text.includes(nonce);
      } catch {
        return false;
      }
    })
    .map(Number);
}
