import { type ClientRequest, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { Duplex, Readable } from "node:stream";
import { OptimizerError } from "../../base/errors.ts";
import type { DockerAddress } from "./docker-address.ts";

export interface DockerRequest {
  readonly method: "GET" | "POST" | "DELETE";
  /** With its query. */
  readonly path: string;
  /** JSON text, or a tar archive. */
  readonly body?: string | Readable;
  readonly timeoutMs: number;
}

export interface DockerAnswer {
  readonly status: number;
  readonly apiVersion: string | undefined;
  readonly text: string;
}

/** An answer longer than this is none of the ones that we ask for. Characters. */
const MAX_ANSWER = 16 * 1024 * 1024;

/** Requests to one daemon. Each has a connection of its own: one that was kept may belong to a daemon that is gone. */
export class DockerTransport {
  readonly #address: DockerAddress;

  constructor(address: DockerAddress) {
    this.#address = address;
  }

  /** Rejects with 500 `docker_unreachable` when the daemon is not there or does not answer in time. */
  send(request: DockerRequest): Promise<DockerAnswer> {
    const { method, path, body, timeoutMs } = request;
    return new Promise((resolve, reject) => {
      const headers = {
        ...(typeof body === "string" && { "content-type": "application/json" }),
        ...(typeof body === "object" && { "content-type": "application/x-tar" }),
      };
      const open = this.#open(method, path, headers);
      const timer = setTimeout(() => open.destroy(silent(request)), timeoutMs);
      const fail = (error: Error): void => {
        clearTimeout(timer);
        reject(unreachable(error));
      };
      open.once("error", fail);
      open.once("response", (response) => {
        readText(response).then((text) => {
          clearTimeout(timer);
          const apiVersion = response.headers["api-version"];
          resolve({
            status: response.statusCode ?? 0,
            apiVersion: typeof apiVersion === "string" ? apiVersion : undefined,
            text,
          });
        }, fail);
      });
      if (typeof body === "object") body.once("error", (error) => open.destroy(error)).pipe(open);
      else open.end(body);
    });
  }

  /** Turns a connection into a container's streams. Rejects as `send` does, or with what the daemon answers instead. */
  upgrade({ path, timeoutMs, ...request }: DockerRequest): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const open = this.#open(request.method, path, { connection: "Upgrade", upgrade: "tcp" });
      const timer = setTimeout(() => open.destroy(silent({ ...request, path, timeoutMs })), timeoutMs);
      const fail = (error: Error): void => {
        clearTimeout(timer);
        reject(unreachable(error));
      };
      open.once("error", fail);
      open.once("upgrade", (_response, socket, head) => {
        clearTimeout(timer);
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      open.once("response", (response) => {
        readText(response).then(
          (text) => fail(new Error(`it gave no stream, but ${response.statusCode}: ${text}`)),
          fail,
        );
      });
      open.end();
    });
  }

  #open(method: string, path: string, headers: Readonly<Record<string, string>>): ClientRequest {
    const options = { method, path, headers, agent: false } as const;
    if ("socketPath" in this.#address) {
      // The daemon wants a host's name, and looks at none.
      return requestHttp({ ...options, socketPath: this.#address.socketPath, host: "docker" });
    }
    const { host, port, tls } = this.#address;
    return requestHttps({ ...options, ...tls, host, port, minVersion: "TLSv1.2" });
  }
}

export async function readText(response: IncomingMessage): Promise<string> {
  response.setEncoding("utf8");
  let text = "";
  for await (const piece of response) {
    text += String(piece);
    if (text.length > MAX_ANSWER) throw new Error("its answer is too long");
  }
  return text;
}

function silent({ method, path, timeoutMs }: DockerRequest): Error {
  const [what] = path.split("?");
  return new Error(`it did not answer ${method} ${what} within ${timeoutMs} ms`);
}

/** A daemon that is not there, or not any more. */
export function unreachable(cause: Error): OptimizerError {
  return new OptimizerError(`The Docker daemon can't be reached: ${cause.message}`, {
    code: 500,
    kind: "docker_unreachable",
    hint: "Start Docker, or say where it listens by DOCKER_HOST.",
    retryable: true,
    cause,
  });
}
