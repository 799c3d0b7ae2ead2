import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { messageOf, OptimizerError } from "../../base/errors.ts";

/** Where a Docker daemon listens. */
export type DockerAddress =
  | { readonly socketPath: string }
  | { readonly host: string; readonly port: number; readonly tls: DockerTls };

/** What both sides of a TLS connection show each other. PEM texts. */
export interface DockerTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Where the Docker daemon is, and how to speak with it. */
export interface DockerAddressOptions {
  /**
   * `unix:///run/docker.sock` or `tcp://host:2376`. Default: `DOCKER_HOST`, else the first socket that is there:
   * the system's, a rootless daemon's, Docker Desktop's.
   */
  readonly address?: string;
  /** For `tcp:`, which is used with TLS only. Default: the files of `DOCKER_CERT_PATH`. */
  readonly tls?: DockerTls;
}

const SYSTEM_SOCKETS = ["/var/run/docker.sock", "/run/docker.sock"];
const TLS_PORT = 2376;

/** Throws 400 `invalid_docker_address` for an address of another kind, or one without what TLS needs. */
export function resolveDockerAddress(
  { address, tls }: DockerAddressOptions,
  env: NodeJS.ProcessEnv = process.env,
): DockerAddress {
  const given = address ?? (env["DOCKER_HOST"] || undefined);
  if (given === undefined) return { socketPath: findSocket(env) };
  if (!URL.canParse(given)) throw invalid(given);
  const { protocol, hostname, port, pathname } = new URL(given);
  if (protocol === "unix:" && pathname.startsWith("/")) return { socketPath: decodeURIComponent(pathname) };
  if (protocol !== "tcp:" || hostname === "") throw invalid(given);
  return { host: hostname, port: Number(port || TLS_PORT), tls: tls ?? readTls(given, env) };
}

function findSocket(env: NodeJS.ProcessEnv): string {
  const runtime = env["XDG_RUNTIME_DIR"];
  const own = [
    ...(runtime ? [path.join(runtime, "docker.sock")] : []),
    path.join(homedir(), ".docker/run/docker.sock"),
    path.join(homedir(), ".docker/desktop/docker.sock"),
  ];
  const [usual = ""] = SYSTEM_SOCKETS;
  return [...SYSTEM_SOCKETS, ...own].find(isSocket) ?? usual;
}

function isSocket(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isSocket() === true;
}

function readTls(address: string, env: NodeJS.ProcessEnv): DockerTls {
  const folder = env["DOCKER_CERT_PATH"] || path.join(homedir(), ".docker");
  const read = (name: string): string => readFileSync(path.join(folder, name), "utf8");
  try {
    return { ca: read("ca.pem"), cert: read("cert.pem"), key: read("key.pem") };
  } catch (error) {
    throw invalid(address, `It needs TLS, whose files can't be read: ${messageOf(error)}`);
  }
}

function invalid(address: string, problem = "It is none that is known."): OptimizerError {
  return new OptimizerError(`The address ${address} of Docker can't be used. ${problem}`, {
    code: 400,
    kind: "invalid_docker_address",
    hint: "Use unix:///path/to/docker.sock, or tcp://host:2376 with ca.pem, cert.pem and key.pem in DOCKER_CERT_PATH.",
  });
}
