import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { createServer as createSocketServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DockerEngine } from "../../src/host/sandbox/docker-engine.ts";
import { DockerTransport } from "../../src/host/sandbox/docker-transport.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-engine-"));
});
afterAll(() => rm(folder, { recursive: true }));

const socketPath = (name: string): string => path.join(folder, name);
const engineAt = (name: string): DockerEngine =>
  new DockerEngine(new DockerTransport({ socketPath: socketPath(name) }));

/** Something that listens where a daemon would, until the test is over. */
function listening(server: Server, name: string): AsyncDisposable {
  server.listen(socketPath(name));
  return { [Symbol.asyncDispose]: () => new Promise((resolve) => void server.close(() => resolve())) };
}

describe("a client of a daemon that is not as it should be", () => {
  test("hears when there is none", async () => {
    await expect(engineAt("none").negotiate()).rejects.toMatchObject({
      code: 500,
      kind: "docker_unreachable",
      retryable: true,
    });
  });

  test("does not wait for one that is silent", async () => {
    const server = createSocketServer((socket) => socket.resume());
    await using _ = listening(server, "silent");
    const started = performance.now();
    await expect(engineAt("silent").negotiate()).rejects.toMatchObject({
      code: 500,
      kind: "docker_unreachable",
    });
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test.for([undefined, "1.24", "1.40", "new"])("does not work with one whose API is %s", async (version) => {
    const server = createServer((_request, response) => {
      if (version !== undefined) response.setHeader("api-version", version);
      response.end("OK");
    });
    await using _ = listening(server, `version-${version}`);
    await expect(engineAt(`version-${version}`).negotiate()).rejects.toMatchObject({
      kind: "docker_outdated",
    });
  });

  test.for([
    { offered: "1.41", asked: "1.41" },
    { offered: "1.99", asked: "1.51" },
  ])("asks one that offers $offered for $asked", async ({ offered, asked }) => {
    const paths: string[] = [];
    const server = createServer((request, response) => {
      paths.push(request.url ?? "");
      response.setHeader("api-version", offered);
      response.end("[]");
    });
    await using _ = listening(server, `offers-${offered}`);
    const engine = engineAt(`offers-${offered}`);
    await engine.negotiate();
    await engine.list("x");
    expect(paths).toEqual(["/_ping", expect.stringContaining(`/v${asked}/containers/json?`)]);
  });

  test("tells what it answers, and no more than it may", async () => {
    const server = createServer((request, response) => {
      response.setHeader("api-version", "1.41");
      if (request.url === "/_ping") return response.end("OK");
      response.statusCode = 500;
      response.end(request.url?.includes("long") ? "x".repeat(17 * 1024 * 1024) : '{"message":"no room"}');
    });
    await using _ = listening(server, "errors");
    const engine = engineAt("errors");
    await engine.negotiate();
    await expect(engine.start("a")).rejects.toMatchObject({
      kind: "docker_refused",
      message: "Docker refused POST /containers/a/start (500): no room",
    });
    await expect(engine.start("long")).rejects.toMatchObject({ kind: "docker_unreachable" });
  });
});
