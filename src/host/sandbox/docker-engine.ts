// A client of the Docker Engine API, for the dozen calls that sandboxes need. Neither library earned its place:
// dockerode 5.0 brings 67 packages (19 MB, ssh2 and gRPC among them, three with install scripts), Docker's own
// `@docker/node-sdk` is 0.0.17 of a generated client with 24 packages (16 MB). What we use is plain HTTP, whose
// versions the daemon negotiates and keeps for years.

import type { Duplex, Readable } from "node:stream";
import { OptimizerError } from "../../base/errors.ts";
import { isJsonObject, type Json, type JsonObject, parseJson } from "../../base/json.ts";
import type { DockerAnswer, DockerRequest, DockerTransport } from "./docker-transport.ts";

/** What a daemon says of itself. */
export interface EngineFacts {
  /** As Go names it: `amd64`. */
  readonly architecture: string;
  /** Release of its kernel. */
  readonly kernel: string;
  /** Such as `seccomp`, `apparmor`, `userns`, `rootless`. */
  readonly security: readonly string[];
  readonly runtimes: readonly string[];
  /** Limits that the daemon says it can't hold on this machine. */
  readonly missing: readonly string[];
}

/** A local image. */
export interface ImageFacts {
  /** `sha256:` and the digest of its configuration, which names the digests of its layers. */
  readonly id: string;
  /** `name@sha256:…` of the registries that it came from. */
  readonly repoDigests: readonly string[];
  readonly labels: ReadonlyMap<string, string>;
  /** Folders that every container of it gets a volume for. */
  readonly volumes: readonly string[];
}

export interface ContainerFacts {
  readonly running: boolean;
  readonly exitCode: number;
  readonly outOfMemory: boolean;
  /** Name of its AppArmor profile; empty without. */
  readonly apparmor: string;
}

export interface ContainerUsage {
  /** Processor time of all its processes. Seconds. */
  readonly cpuSeconds: number;
  /** Memory that the kernel can't take back, such as for copies of files. Bytes. */
  readonly memoryBytes: number;
}

export interface ListedContainer {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly running: boolean;
  readonly createdMs: number;
}

/** The oldest API that has all that we ask for (private cgroup namespaces): Docker 20.10. */
const OLDEST_API = "1.41";
/** The newest whose description we read. */
const NEWEST_API = "1.51";

/** How long the daemon may take for one call. Milliseconds. */
const CALL_MS = 5_000;
/** The same for a container to start: the daemon starts several processes for it. */
const START_MS = 20_000;
/** The same for an image to be built, with what has to be fetched for it. */
const BUILD_MS = 15 * 60_000;

/** How long a daemon may be silent before it counts as gone. Milliseconds. */
const PING_MS = 3_000;

/**
 * One Docker daemon. Every call ends within its time, with 500 `docker_unreachable` when the daemon is not there or
 * hangs, and 500 `docker_refused` when it answers with an error.
 */
export class DockerEngine {
  readonly #transport: DockerTransport;
  #version = OLDEST_API;

  constructor(transport: DockerTransport) {
    this.#transport = transport;
  }

  /** Agrees on the version of the API. 500 `docker_outdated` when the daemon is too old. */
  async negotiate(): Promise<void> {
    const { apiVersion } = await this.ping();
    const offered = apiVersion ?? "";
    if (!/^\d+\.\d+$/.test(offered) || compareVersions(offered, OLDEST_API) < 0) {
      throw new OptimizerError(`The Docker daemon offers its API in version ${offered || "none"}.`, {
        code: 500,
        kind: "docker_outdated",
        hint: `Version ${OLDEST_API} is needed: Docker 20.10 or newer.`,
      });
    }
    this.#version = compareVersions(offered, NEWEST_API) < 0 ? offered : NEWEST_API;
  }

  /** Answers when the daemon lives. */
  async ping(): Promise<DockerAnswer> {
    const answer = await this.#transport.send({ method: "GET", path: "/_ping", timeoutMs: PING_MS });
    if (answer.status !== 200) throw refused("GET /_ping", answer);
    return answer;
  }

  async facts(): Promise<EngineFacts> {
    const info = objectOf((await this.#call({ method: "GET", path: "/info" })).body);
    const version = objectOf((await this.#call({ method: "GET", path: "/version" })).body);
    const limits = { MemoryLimit: "memory", PidsLimit: "processes", CpuCfsQuota: "cpu" };
    return {
      architecture: textOf(version["Arch"]),
      kernel: textOf(version["KernelVersion"]),
      // `name=seccomp,profile=default`
      security: textsOf(info["SecurityOptions"]).flatMap((option) => /name=([^,]+)/.exec(option)?.[1] ?? []),
      runtimes: Object.keys(objectOf(info["Runtimes"])),
      missing: Object.entries(limits).flatMap(([key, name]) => (info[key] === true ? [] : [name])),
    };
  }

  /** `undefined` when the daemon has no such image. */
  async findImage(reference: string): Promise<ImageFacts | undefined> {
    const { status, body } = await this.#call(
      { method: "GET", path: `/images/${encodeURIComponent(reference)}/json` },
      [404],
    );
    if (status === 404) return undefined;
    const image = objectOf(body);
    const config = objectOf(image["Config"]);
    return {
      id: textOf(image["Id"]),
      repoDigests: textsOf(image["RepoDigests"]),
      labels: labelsOf(config["Labels"]),
      volumes: Object.keys(objectOf(config["Volumes"])),
    };
  }

  /** Builds an image of a Dockerfile and what it copies. Resolves with what the daemon wrote. */
  async build(context: Readable, query: Readonly<Record<string, string>>): Promise<string> {
    const path = `/build?${new URLSearchParams({ rm: "1", forcerm: "1", ...query })}`;
    return requireSuccess(await this.#send({ method: "POST", path, body: context, timeoutMs: BUILD_MS }));
  }

  /** Makes an image of one archive. */
  async importImage(archive: Readable, query: Readonly<Record<string, string>>): Promise<string> {
    const path = `/images/create?${new URLSearchParams({ fromSrc: "-", ...query })}`;
    return requireSuccess(await this.#send({ method: "POST", path, body: archive, timeoutMs: BUILD_MS }));
  }

  /** Resolves with the container's id. */
  async create(name: string, config: Json): Promise<string> {
    const path = `/containers/create?${new URLSearchParams({ name })}`;
    const { body } = await this.#call({ method: "POST", path, body: JSON.stringify(config) });
    return textOf(objectOf(body)["Id"]);
  }

  /** A container's standard input and output. Attach before it starts, so that nothing is missed. */
  attach(id: string): Promise<Duplex> {
    const path = `/v${this.#version}/containers/${id}/attach?stream=1&stdin=1&stdout=1`;
    return this.#transport.upgrade({ method: "POST", path, timeoutMs: CALL_MS });
  }

  async start(id: string): Promise<void> {
    await this.#call({ method: "POST", path: `/containers/${id}/start`, timeoutMs: START_MS });
  }

  /** `undefined` when there is no such container. */
  async inspect(id: string): Promise<ContainerFacts | undefined> {
    const { status, body } = await this.#call({ method: "GET", path: `/containers/${id}/json` }, [404]);
    if (status === 404) return undefined;
    const container = objectOf(body);
    const state = objectOf(container["State"]);
    return {
      running: state["Running"] === true,
      exitCode: typeof state["ExitCode"] === "number" ? state["ExitCode"] : -1,
      outOfMemory: state["OOMKilled"] === true,
      apparmor: textOf(container["AppArmorProfile"]),
    };
  }

  /** What a container has used by now; nothing when it does not run. */
  async usage(id: string): Promise<ContainerUsage> {
    const path = `/containers/${id}/stats?stream=0&one-shot=1`;
    const { body } = await this.#call({ method: "GET", path }, [404, 409]);
    const processor = objectOf(objectOf(objectOf(body)["cpu_stats"])["cpu_usage"]);
    const memory = objectOf(objectOf(body)["memory_stats"]);
    const kinds = objectOf(memory["stats"]);
    // Version 1 of control groups has sums for all groups below; version 2 has nothing else.
    const files = (name: string): number => numberOf(kinds[`total_${name}`] ?? kinds[name]);
    return {
      cpuSeconds: numberOf(processor["total_usage"]) / 1e9,
      memoryBytes: numberOf(memory["usage"]) - files("active_file") - files("inactive_file"),
    };
  }

  /** Ends a container and removes it. One that is gone, or that somebody else removes now, is fine. */
  async remove(id: string): Promise<void> {
    await this.#call({ method: "DELETE", path: `/containers/${id}?force=1&v=1` }, [404, 409]);
  }

  /** Containers with a label, by id. */
  async list(label: string): Promise<ReadonlyMap<string, ListedContainer>> {
    const filters = JSON.stringify({ label: [label] });
    const path = `/containers/json?${new URLSearchParams({ all: "1", filters })}`;
    const { body } = await this.#call({ method: "GET", path });
    const found = Array.isArray(body) ? body.map(objectOf) : [];
    return new Map(
      found.map((one) => {
        const [name = ""] = textsOf(one["Names"]);
        const container = {
          name: name.replace(/^\//, ""),
          labels: labelsOf(one["Labels"]),
          running: one["State"] === "running",
          createdMs: Number(one["Created"]) * 1_000,
        };
        return [textOf(one["Id"]), container];
      }),
    );
  }

  async #call(
    request: Omit<DockerRequest, "timeoutMs"> & { readonly timeoutMs?: number },
    accepted: readonly number[] = [],
  ): Promise<{ readonly status: number; readonly body: Json | undefined }> {
    const answer = await this.#send({ timeoutMs: CALL_MS, ...request }, accepted);
    return { status: answer.status, body: answer.text === "" ? undefined : parseJson(answer.text) };
  }

  async #send(request: DockerRequest, accepted: readonly number[] = []): Promise<DockerAnswer> {
    const answer = await this.#transport.send({ ...request, path: `/v${this.#version}${request.path}` });
    const [what] = request.path.split("?");
    if (answer.status >= 400 && !accepted.includes(answer.status)) {
      throw refused(`${request.method} ${what}`, answer);
    }
    return answer;
  }
}

/** Building answers 200 and tells of failure in the last of its lines. */
function requireSuccess({ text }: DockerAnswer): string {
  for (const line of text.split("\n")) {
    const { error } = objectOf(parseJson(line));
    if (error !== undefined) throw refused("building the image", { status: 200, text: textOf(error) });
  }
  return text;
}

function refused(what: string, { status, text }: Pick<DockerAnswer, "status" | "text">): OptimizerError {
  const message = textOf(objectOf(parseJson(text))["message"]) || text;
  return new OptimizerError(`Docker refused ${what} (${status}): ${message}`, {
    code: 500,
    kind: "docker_refused",
  });
}

function compareVersions(one: string, other: string): number {
  const [major = 0, minor = 0] = one.split(".").map(Number);
  const [otherMajor = 0, otherMinor = 0] = other.split(".").map(Number);
  return major - otherMajor || minor - otherMinor;
}

function labelsOf(value: unknown): ReadonlyMap<string, string> {
  return new Map(Object.entries(objectOf(value)).map(([name, text]) => [name, textOf(text)]));
}

function objectOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
