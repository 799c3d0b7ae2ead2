// @ts-check
/**
 * Writes the platform packages that the lock file lacks, so that one lock file serves every machine.
 *
 * A native tool is one package per platform, all of them optional dependencies of the same version.
 * `npm install` leaves those out that its registry does not carry (a mirror often carries only its own
 * platform), and `npm ci` then refuses the lock file everywhere. The names tell what the entries need.
 *
 * Use: `npm run lock` after a change of dependencies. `tests/unit/setup.test.ts` fails when it is due.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * @typedef {{ version?: string, dev?: boolean, optional?: boolean, os?: string[], cpu?: string[],
 *   libc?: string[], optionalDependencies?: Record<string, string> }} LockEntry
 * @typedef {{ packages: Record<string, LockEntry> }} Lock
 */

const SYSTEMS = [
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
];
const CPUS = ["arm", "arm64", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64"];

/**
 * The entries that are missing: one for each optional dependency that no entry answers.
 * @param {Lock} lock
 * @returns {Record<string, LockEntry>}
 */
export function findMissingEntries(lock) {
  /** @type {Record<string, LockEntry>} */
  const missing = {};
  for (const [parent, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const exact = /^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version);
      const found = locations(parent, name).find((place) => lock.packages[place] ?? missing[place]);
      const known = found && (lock.packages[found] ?? missing[found]);
      if (known && (!exact || known.version === version)) continue;
      if (!exact)
        throw new Error(`${parent} wants ${name}@${version}: only an exact version can be filled in`);
      missing[found ? `${parent}/node_modules/${name}` : `node_modules/${name}`] = {
        version,
        ...platformOf(name),
        ...(entry.dev ? { dev: true } : {}),
        optional: true,
      };
    }
  }
  return missing;
}

/**
 * Where Node looks for a package, the nearest place first.
 * @param {string} parent
 * @param {string} name
 */
function locations(parent, name) {
  const places = [];
  for (let at = parent; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf("/node_modules/")))) {
    places.push(`${at}/node_modules/${name}`);
  }
  return [...places, `node_modules/${name}`];
}

/**
 * `@scope/cli-linux-arm64-musl` runs on Linux, arm64, musl.
 * @param {string} name
 */
function platformOf(name) {
  const words = name.split(/[-/]/);
  const os = SYSTEMS.filter((system) => words.includes(system));
  const cpu = CPUS.filter((kind) => words.includes(kind));
  if (os.length + cpu.length === 0) throw new Error(`The name ${name} tells no platform`);
  const libc = words.some((word) => word.startsWith("musl"))
    ? ["musl"]
    : words.some((word) => word.startsWith("gnu"))
      ? ["glibc"]
      : [];
  return { ...(cpu.length ? { cpu } : {}), ...(libc.length ? { libc } : {}), ...(os.length ? { os } : {}) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = fileURLToPath(new URL("../../package-lock.json", import.meta.url));
  const lock = JSON.parse(readFileSync(file, "utf8"));
  const missing = findMissingEntries(lock);
  if (Object.keys(missing).length === 0) {
    console.log("package-lock.json: complete");
    process.exit();
  }
  const [root, ...rest] = Object.entries({ ...lock.packages, ...missing });
  rest.sort(([a], [b]) => a.localeCompare(b, "en"));
  lock.packages = Object.fromEntries([/** @type {[string, LockEntry]} */ (root), ...rest]);
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`package-lock.json: ${Object.keys(missing).length} platform packages added`);
}
