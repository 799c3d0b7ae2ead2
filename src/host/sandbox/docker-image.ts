import { createHash } from "node:crypto";
import { OptimizerError } from "../../base/errors.ts";
import { VERSION } from "../../version.ts";
import type { DockerEngine } from "./docker-engine.ts";
import microvmInit from "./image/init.py?raw";
import { RUNNER_FILES } from "./runners.ts";

/** The name that our image gets when it is built, and is looked for by. */
export const SANDBOX_IMAGE = `mcp-optimizer-sandbox:${VERSION}`;

/** The label that says which runners an image holds. */
export const RUNNERS_LABEL = "mcp-optimizer.runners";

/** An image whose content is settled: containers are made by its id, which is the digest of what is in it. */
export interface SandboxImage {
  readonly id: string;
}

/** What an image has of this package, by the name of the file: the runners, and what starts them in a microVM. */
export const IMAGE_FILES: ReadonlyMap<string, string> = new Map([...RUNNER_FILES, ["init.py", microvmInit]]);

/** The digest of these files. */
export function imageFilesDigest(): string {
  const hash = createHash("sha256");
  for (const [file, source] of IMAGE_FILES) hash.update(`${file}\0${source}\0`);
  return hash.digest("hex");
}

/**
 * Finds the image that `reference` names. `name@sha256:…` and `sha256:…` are compared with what the daemon has;
 * a tag is taken as it is now, and later moves of it change nothing.
 *
 * 500 `image_missing`; 403 `image_mismatch` for another one than was pinned, or one of another version of this package.
 */
export async function requireSandboxImage(engine: DockerEngine, reference: string): Promise<SandboxImage> {
  const image = await engine.findImage(reference);
  if (image === undefined) {
    throw new OptimizerError(`Docker has no image ${reference}.`, {
      code: 500,
      kind: "image_missing",
      hint: "Build it: `npx mcp-optimizer image build`.",
    });
  }
  const [, digest] = /(?:^|@)(sha256:[\da-f]{64})$/.exec(reference) ?? [];
  const digests = [image.id, ...image.repoDigests.map((name) => name.split("@").at(-1))];
  if (digest !== undefined && !digests.includes(digest)) {
    throw mismatch(`Docker gave another image for ${reference}: ${image.id}.`);
  }
  if (image.labels.get(RUNNERS_LABEL) !== imageFilesDigest()) {
    throw mismatch(`The image ${reference} does not hold the runners of this version of mcp-optimizer.`);
  }
  if (image.volumes.length > 0) {
    throw mismatch(
      `The image ${reference} declares volumes, which programs could fill: ${image.volumes.join(", ")}.`,
    );
  }
  return { id: image.id };
}

function mismatch(message: string): OptimizerError {
  return new OptimizerError(message, {
    code: 403,
    kind: "image_mismatch",
    hint: "Build it anew: `npx mcp-optimizer image build`.",
  });
}
