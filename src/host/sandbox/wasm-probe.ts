import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { messageOf } from "../../base/errors.ts";
import type { RunOutcome, StopReason } from "../../sandbox/sandbox.ts";
import type { SandboxProbe, Wall, WallCheck } from "./host-sandbox.ts";
import { findMissingWalls } from "./probe-walls.ts";
import type { RunProbe } from "./process-sandbox.ts";
import type { RunnerLanguage } from "./runners.ts";
import type { SandboxProcess } from "./sandbox-process.ts";
import { ATTEMPTS, attemptScript } from "./wasm-attempts.ts";
import type { DenoParts } from "./wasm-parts.ts";

/** How long a process that is probed may take. Milliseconds. */
const PROBE_MS = 30_000;

/**
 * Looks whether a process that starts so can do nothing, from where somebody would stand who broke out of an
 * engine; and whether programs in the engines are held to their memory and their time. Never rejects.
 */
export async function probeWasm(
  start: (parts: DenoParts) => SandboxProcess,
  run: RunProbe,
  file: string,
): Promise<SandboxProbe> {
  const server = createServer((socket) => socket.destroy());
  let connections = 0;
  server.on("connection", () => {
    connections += 1;
  });
  try {
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const breach = await findBreach(start, { address: `127.0.0.1:${port}`, file });
    const limits = await probeLimits(run);
    if (breach !== undefined || connections > 0) {
      const seen = breach ?? `${connections} connections arrived`;
      return { ...UNUSABLE, reason: `its processes may do more than nothing: ${seen}`, walls: limits };
    }
    const refused = REFUSED.map((wall) => ({ wall, held: true, seen: "every attempt was refused" }));
    const walls: readonly WallCheck[] = [...refused, ...limits];
    const reason = findMissingWalls(walls, []);
    if (reason === undefined) return { usable: true, strength: "language", walls };
    return { ...UNUSABLE, reason, walls };
  } catch (error) {
    return { ...UNUSABLE, reason: messageOf(error), walls: [] };
  } finally {
    server.close();
  }
}

const REFUSED = [...new Set(ATTEMPTS.map(({ wall }) => wall))];

const UNUSABLE = {
  usable: false,
  hint: "Install the version of Deno that this package names: `npm install deno`.",
} as const;

/** What somebody who speaks for the worker could do; `undefined` for nothing. */
async function findBreach(
  start: (parts: DenoParts) => SandboxProcess,
  targets: Readonly<Record<"address" | "file", string>>,
): Promise<string | undefined> {
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  const { channel, gone } = start({
    script: encode(attemptScript(ATTEMPTS)),
    modules: {},
    files: { address: encode(targets.address), file: encode(targets.file) },
    warmUp: [],
  });
  const timer = setTimeout(() => channel.die(`it took more than ${PROBE_MS} ms to try`), PROBE_MS);
  try {
    await channel.start();
    return undefined;
  } catch (error) {
    return messageOf(error);
  } finally {
    clearTimeout(timer);
    channel.kill();
    await gone;
  }
}

const MIB = 1024 * 1024;

const TAKE_MEMORY = {
  javascript: "const all = []; for (;;) all.push(new Uint8Array(1e6).fill(1))",
  python: "all = []\nwhile True: all.append(bytes(1_000_000))",
};

const TAKE_TIME = { javascript: "for (;;);", python: "while True: pass" };

/** Programs that take all they can get, in both engines. */
async function probeLimits(run: RunProbe): Promise<readonly WallCheck[]> {
  const limits = { memoryBytes: 16 * MIB, timeoutMs: 30_000 };
  const short = { timeoutMs: 200 };
  const ends = async (runner: RunnerLanguage): Promise<readonly [RunOutcome, RunOutcome]> => [
    await run(runner, TAKE_MEMORY[runner], limits),
    await run(runner, TAKE_TIME[runner], short),
  ];
  const [[jsMemory, jsTime], [pythonMemory, pythonTime]] = await Promise.all([
    ends("javascript"),
    ends("python"),
  ]);
  return [
    judge("memoryBytes", "memory", [jsMemory, pythonMemory]),
    judge("cpuSeconds", "timeout", [jsTime, pythonTime]),
  ];
}

function judge(wall: Wall, reason: StopReason, outcomes: readonly RunOutcome[]): WallCheck {
  const held = outcomes.every((outcome) => outcome.status === "stopped" && outcome.reason === reason);
  const seen = outcomes.map((outcome) => (outcome.status === "stopped" ? outcome.message : outcome.status));
  return { wall, held, seen: seen.join(" ") };
}
