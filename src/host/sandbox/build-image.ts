import type { TarSource } from "modern-tar/fs";
import { OptimizerError } from "../../base/errors.ts";
import { type DockerAddressOptions, resolveDockerAddress } from "./docker-address.ts";
import { DockerEngine } from "./docker-engine.ts";
import { IMAGE_FILES, imageFilesDigest, RUNNERS_LABEL, SANDBOX_IMAGE } from "./docker-image.ts";
import { DockerTransport } from "./docker-transport.ts";
import dockerfile from "./image/Dockerfile?raw";
import { collectLocalRoot, type LocalRootOptions } from "./local-root.ts";

/** Options of {@link buildSandboxImage}. */
export interface BuildImageOptions extends DockerAddressOptions, LocalRootOptions {
  /** The name that the image gets. Default {@link SANDBOX_IMAGE}, which `docker()` looks for. */
  readonly tag?: string;
  /** Image with Python that it is built upon. Default: that of our Dockerfile. */
  readonly base?: string;
  /** Image that Node is taken of. Default: that of our Dockerfile. */
  readonly nodeImage?: string;
  /** Makes the base of this machine's own Python and Node: no registry is asked. Default false. */
  readonly fromLocalFiles?: boolean;
}

/** An image of sandboxes that was built. */
export interface BuiltImage {
  readonly reference: string;
  /** `sha256:…`, which `docker({ image })` takes as well. */
  readonly id: string;
}

/** Builds the image of `docker()` and `gvisor()`, by the Engine API alone. */
export async function buildSandboxImage(options: BuildImageOptions = {}): Promise<BuiltImage> {
  const { tag = SANDBOX_IMAGE, fromLocalFiles = false } = options;
  const engine = new DockerEngine(new DockerTransport(resolveDockerAddress(options)));
  await engine.negotiate();
  const local = fromLocalFiles ? await importLocalBase(engine, tag, options) : undefined;
  const base = options.base ?? local;
  const nodeImage = options.nodeImage ?? local;
  const context: TarSource[] = [
    { type: "content", target: "Dockerfile", content: dockerfile, mode: 0o444 },
    ...[...IMAGE_FILES].map(
      ([target, content]) => ({ type: "content", target, content, mode: 0o444 }) as const,
    ),
  ];
  const { packTar } = await import("modern-tar/fs");
  await engine.build(packTar(context), {
    t: tag,
    buildargs: JSON.stringify({
      ...(base !== undefined && { BASE: base }),
      ...(nodeImage !== undefined && { NODE: nodeImage }),
    }),
    labels: JSON.stringify({ [RUNNERS_LABEL]: imageFilesDigest() }),
    networkmode: "none",
  });
  const image = await engine.findImage(tag);
  if (image !== undefined) return { reference: tag, id: image.id };
  throw new OptimizerError(`Docker built no image ${tag}.`, { code: 500, kind: "image_missing" });
}

async function importLocalBase(
  engine: DockerEngine,
  tag: string,
  options: LocalRootOptions,
): Promise<string> {
  const files = await collectLocalRoot(options);
  const { packTar } = await import("modern-tar/fs");
  const archive = packTar(
    files.map(({ target, ...file }) => {
      const name = target.slice(1);
      if ("content" in file)
        return { type: "content", target: name, content: file.content, mode: 0o444 } as const;
      return { type: "file", target: name, source: file.source } as const;
    }),
  );
  const [, repo = tag, version = "latest"] = /^(.+?)(?::([\w.-]+))?$/.exec(tag) ?? [];
  await engine.importImage(archive, { repo: `${repo}-base`, tag: version });
  return `${repo}-base:${version}`;
}
