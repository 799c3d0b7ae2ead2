import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A server of ours that runs, and the way to end it. */
export interface RunningServer {
  /** Full address of the MCP endpoint. */
  readonly url: string;
  /** Ends it and every connection to it. Calling it twice is safe. */
  close(): Promise<void>;
}

/**
 * Listens on a loopback address. Port 0 takes a free one.
 *
 * @throws Error that names the port and what to do, when another program has it.
 */
export async function listen(
  handler: RequestListener,
  options: { port: number; host: string; name: string },
): Promise<{ port: number; server: Server }> {
  const server = createServer(handler);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(portError(error, options)));
    server.listen(options.port, options.host, resolve);
  });
  return { port: portOf(server.address(), options.port), server };
}

/** Ends a server without waiting for open event streams. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Says which port is taken and what to do about it. */
export function portTaken(name: string, port: number, cause?: unknown): Error {
  return new Error(
    `${name} cannot start: port ${port} is already in use. Stop the program that uses it, or choose another port.`,
    { cause },
  );
}

/** A port that was free a moment ago, for a program that cannot pick one itself. */
export async function findFreePort(): Promise<number> {
  const { port, server } = await listen(() => {}, { port: 0, host: "127.0.0.1", name: "port search" });
  await closeServer(server);
  return port;
}

/** Throws, with what to do about it, when a program has the port on 127.0.0.1. */
export async function requireFreePort(name: string, port: number): Promise<void> {
  const { server } = await listen(() => {}, { port, host: "127.0.0.1", name });
  await closeServer(server);
}

function portError(error: NodeJS.ErrnoException, { name, port }: { name: string; port: number }): Error {
  return error.code === "EADDRINUSE" ? portTaken(name, port, error) : error;
}

function portOf(address: AddressInfo | string | null, fallback: number): number {
  return typeof address === "object" && address !== null ? address.port : fallback;
}
