import { packTar } from "modern-tar/fs";
import { describe, expect, inject, test } from "vitest";
import { buildSandboxImage } from "../../src/host/sandbox/build-image.ts";
import { resolveDockerAddress } from "../../src/host/sandbox/docker-address.ts";
import { DockerEngine } from "../../src/host/sandbox/docker-engine.ts";
import { requireSandboxImage, SANDBOX_IMAGE } from "../../src/host/sandbox/docker-image.ts";
import { DockerTransport } from "../../src/host/sandbox/docker-transport.ts";

const { missing, address } = inject("docker");

/** Builds an image of a few lines. */
async function build(engine: DockerEngine, tag: string, lines: readonly string[]): Promise<void> {
  const dockerfile = [`FROM ${SANDBOX_IMAGE}`, ...lines].join("\n");
  await engine.build(packTar([{ type: "content", target: "Dockerfile", content: dockerfile }]), { t: tag });
}

describe.skipIf(missing !== "")(`the image of sandboxes${missing && ` (${missing})`}`, () => {
  const engine = new DockerEngine(new DockerTransport(resolveDockerAddress({ address })));

  test("is found by its name and by its id, and is the same", async () => {
    const image = await requireSandboxImage(engine, SANDBOX_IMAGE);
    expect(image.id).toMatch(/^sha256:[\da-f]{64}$/);
    expect(await requireSandboxImage(engine, image.id)).toEqual(image);
  });

  test("that is not there is told, with how it is made", async () => {
    await expect(requireSandboxImage(engine, "nobody/nothing:1")).rejects.toMatchObject({
      code: 500,
      kind: "image_missing",
      hint: "Build it: `npx mcp-optimizer image build`.",
    });
    const other = `sha256:${"0".repeat(64)}`;
    await expect(requireSandboxImage(engine, other)).rejects.toMatchObject({ kind: "image_missing" });
  });

  test("with other runners, or with volumes, is refused", async () => {
    await build(engine, "test-runners:1", ["LABEL mcp-optimizer.runners=other"]);
    await build(engine, "test-volumes:1", ['VOLUME ["/data"]']);
    for (const tag of ["test-runners:1", "test-volumes:1"]) {
      await expect(requireSandboxImage(engine, tag)).rejects.toMatchObject({
        code: 403,
        kind: "image_mismatch",
      });
    }
  });

  test("is built upon any base that has both languages", async () => {
    const tag = "tests/upon:1";
    const built = await buildSandboxImage({ address, tag, base: SANDBOX_IMAGE, nodeImage: SANDBOX_IMAGE });
    expect(await requireSandboxImage(engine, tag)).toEqual({ id: built.id });
  });

  test("that can't be built says why", async () => {
    await expect(build(engine, "test-broken:1", ['RUN ["/no/such/command"]'])).rejects.toMatchObject({
      kind: "docker_refused",
      message: expect.stringContaining("/no/such/command"),
    });
  });
});
