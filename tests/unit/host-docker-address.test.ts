import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { resolveDockerAddress } from "../../src/host/sandbox/docker-address.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-address-"));
  for (const name of ["ca", "cert", "key"]) await writeFile(path.join(folder, `${name}.pem`), name);
});
afterAll(() => rm(folder, { recursive: true }));

describe("the address of a Docker daemon", () => {
  test("is the one that is given, before the environment's", () => {
    const env = { DOCKER_HOST: "unix:///other.sock" };
    expect(resolveDockerAddress({ address: "unix:///run/one.sock" }, env)).toEqual({
      socketPath: "/run/one.sock",
    });
    expect(resolveDockerAddress({}, env)).toEqual({ socketPath: "/other.sock" });
  });

  test("is a rootless daemon's socket where it is the only one", async ({ skip }) => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path.join(folder, "docker.sock"), resolve));
    try {
      const found = resolveDockerAddress({}, { XDG_RUNTIME_DIR: folder });
      if (!("socketPath" in found) || found.socketPath.startsWith("/var/run"))
        return skip("there is a daemon");
      expect(found).toEqual({ socketPath: path.join(folder, "docker.sock") });
    } finally {
      server.close();
    }
  });

  test("is a host's only with what TLS needs", () => {
    const address = "tcp://build.example:2376";
    expect(resolveDockerAddress({ address }, { DOCKER_CERT_PATH: folder })).toEqual({
      host: "build.example",
      port: 2376,
      tls: { ca: "ca", cert: "cert", key: "key" },
    });
    expect(() => resolveDockerAddress({ address }, { DOCKER_CERT_PATH: "/nowhere" })).toThrow(
      expect.objectContaining({ code: 400, kind: "invalid_docker_address" }),
    );
  });

  test.for([
    "ssh://host",
    "http://host:2375",
    "npipe:////./pipe/docker",
    "docker.sock",
    "unix:relative",
    "tcp://",
  ])("is not %s", (address) => {
    expect(() => resolveDockerAddress({ address }, { DOCKER_CERT_PATH: folder })).toThrow(
      expect.objectContaining({ code: 400, kind: "invalid_docker_address" }),
    );
  });
});
