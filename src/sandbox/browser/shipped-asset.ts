// What crosses here: the files that make up a sandbox, as a server, a CDN or a cache delivered them.
// Each may be something else than what was built: nothing is handed on before its digest was compared.

import { decodeBase64 } from "../../base/base64.ts";
import { OptimizerError } from "../../base/errors.ts";
import { sha256 as digestOf } from "../../base/sha256.ts";
import type { PackedFile } from "./frame-control.ts";

/** A file of this package that loads on demand. */
export interface ShippedAsset {
  /** Names it in errors. */
  readonly name: string;
  readonly load: () => Promise<{ readonly default: string }>;
  /** Digest that the build took, hexadecimal: of a script's text, or of the bytes behind base64. */
  readonly sha256: string;
}

/** A binary file's bytes. Rejects with 403 `integrity` when they are not what the build made. */
export async function openBinary(asset: ShippedAsset): Promise<Uint8Array<ArrayBuffer>> {
  const { default: base64 } = await asset.load();
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = decodeBase64(base64);
  } catch {
    throw integrityError(asset.name);
  }
  await requireDigest(asset.name, bytes, asset.sha256);
  return bytes;
}

/** A gzipped file on its way to the frame, which unpacks it. Rejects as {@link openBinary} does. */
export async function openPacked(asset: ShippedAsset): Promise<PackedFile> {
  return { bytes: await openBinary(asset), gzipped: true };
}

/** A script's text. Rejects with 403 `integrity` when it is not what the build made. */
export async function openScript(asset: ShippedAsset): Promise<string> {
  const { default: source } = await asset.load();
  await requireDigest(asset.name, new TextEncoder().encode(source), asset.sha256);
  return source;
}

/** Rejects with 403 `integrity` for bytes with another SHA-256 digest, which is given in hexadecimal. */
export async function requireDigest(
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  sha256: string,
): Promise<void> {
  if ((await digestOf(bytes)) !== sha256.toLowerCase()) throw integrityError(name);
}

function integrityError(name: string): OptimizerError {
  return new OptimizerError(`${name} is not the file that it should be: its SHA-256 digest differs.`, {
    code: 403,
    kind: "integrity",
    hint: "Nothing was run. Deploy the package's files unchanged, and clear caches between the server and this page.",
  });
}
