// What crosses here: packages from servers that the page names. A server may deliver anything: only bytes
// with the digest that the page, or Pyodide's lock file, gives are handed on.

import { messageOf, OptimizerError } from "../../base/errors.ts";
import type { PackedFile } from "./frame-control.ts";
import { requireDigest } from "./shipped-asset.ts";

/** What programs may import beside the standard library. */
export interface PythonPackages {
  /** Wheels of pure Python, from any address that lets this page fetch them. */
  readonly wheels?: readonly PythonWheel[];
  /** Packages of Pyodide's distribution by name, such as `numpy`; what they depend on comes along. */
  readonly names?: readonly string[];
  /** Folder that holds the files of Pyodide's distribution of exactly this version. Needed for `names`. */
  readonly baseUrl?: string;
  /** Lock file of that distribution. Default: that of the Pyodide in this package. */
  readonly lock?: PyodideLock;
}

/** A wheel of pure Python, by its address and digest. */
export interface PythonWheel {
  readonly url: string;
  /** SHA-256 digest of the file, hexadecimal. */
  readonly sha256: string;
}

/** Pyodide's lock file, as far as it is read here. */
export interface PyodideLock {
  readonly info: Readonly<Record<string, string>>;
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** One package of a Pyodide lock file. */
export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  readonly file_name: string;
  readonly sha256: string;
  readonly depends: readonly string[];
  readonly imports: readonly string[];
  readonly install_dir: string;
  readonly package_type: string;
}

/**
 * Fetches what was asked for, as files for the worker: `lock`, and each package as `package/<file name>`.
 * Rejects with 400 for a package that does not exist, 403 `integrity` for one with another digest, and
 * 500 `package_unavailable` for one that can't be fetched.
 */
export async function fetchPackages(
  packages: PythonPackages = {},
): Promise<Readonly<Record<string, PackedFile>>> {
  const { wheels = [], names = [] } = packages;
  const lock = packages.lock ?? (await import("pyodide/pyodide-lock.json")).default;
  const chosen = new Map<string, LockedPackage & { readonly url: string }>();
  for (const locked of names.length === 0 ? [] : closure(lock, names)) {
    chosen.set(locked.name, { ...locked, url: new URL(locked.file_name, requireBaseUrl(packages)).href });
  }
  for (const wheel of wheels) {
    const locked = lockWheel(wheel);
    chosen.set(locked.name, locked);
  }
  const files = await Promise.all(
    [...chosen.values()].map(async ({ url, file_name, sha256 }): Promise<[string, PackedFile]> => {
      const bytes = await fetchBytes(url);
      await requireDigest(url, bytes, sha256);
      return [`package/${file_name}`, { bytes, gzipped: false }];
    }),
  );
  const own = { info: lock.info, packages: Object.fromEntries(chosen) };
  return {
    lock: { bytes: new TextEncoder().encode(JSON.stringify(own)), gzipped: false },
    ...Object.fromEntries(files),
  };
}

/** The named packages and all that they depend on. */
function closure(lock: PyodideLock, names: readonly string[]): readonly LockedPackage[] {
  const found = new Map<string, LockedPackage>();
  const visit = (name: string): void => {
    const key = normalize(name);
    if (found.has(key)) return;
    const locked = Object.hasOwn(lock.packages, key) ? lock.packages[key] : undefined;
    if (locked === undefined) {
      throw new OptimizerError(`Pyodide has no package ${name}.`, {
        code: 400,
        kind: "invalid_options",
        hint: "Name packages as Pyodide's lock file does, or give pure Python as `wheels`.",
      });
    }
    found.set(key, locked);
    locked.depends.forEach(visit);
  };
  names.forEach(visit);
  return [...found.values()];
}

function requireBaseUrl({ baseUrl }: PythonPackages): string {
  if (baseUrl !== undefined)
    return new URL(baseUrl.endsWith("/") ? baseUrl : `${baseUrl}/`, location.href).href;
  throw new OptimizerError("Packages by name need the folder that they lie in.", {
    code: 400,
    kind: "invalid_options",
    hint: "Give `packages.baseUrl`: a copy of Pyodide's full distribution that you serve.",
  });
}

/** Where a wheel's name keeps name and version: `name-version(-build)?-python-abi-platform.whl`. */
const WHEEL = /^([A-Za-z0-9._]+)-([A-Za-z0-9._!+]+)(?:-\d[A-Za-z0-9._]*)?-[^-]+-none-any\.whl$/;

function lockWheel({ url, sha256 }: PythonWheel): LockedPackage & { readonly url: string } {
  const address = new URL(url, location.href);
  const file = decodeURIComponent(address.pathname.slice(address.pathname.lastIndexOf("/") + 1));
  const [, name, version] = WHEEL.exec(file) ?? [];
  if (name === undefined || version === undefined) {
    throw new OptimizerError(`${file} is no wheel of pure Python.`, {
      code: 400,
      kind: "invalid_options",
      hint: "The file's name must end with -none-any.whl. Compiled packages come by `names`, from Pyodide's distribution.",
    });
  }
  return {
    name: normalize(name),
    version,
    file_name: file,
    sha256,
    depends: [],
    imports: [],
    install_dir: "site",
    package_type: "package",
    url: address.href,
  };
}

/** A package's name as the Python Packaging Authority normalises it (PEP 503). */
function normalize(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, "-");
}

async function fetchBytes(url: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const response = await fetch(url, { credentials: "omit" });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new OptimizerError(`The Python package ${url} could not be fetched: ${messageOf(error)}`, {
      code: 500,
      kind: "package_unavailable",
      hint: "Check the address, that its server allows this page (CORS), and the page's connect-src.",
      retryable: true,
      cause: error,
    });
  }
}
