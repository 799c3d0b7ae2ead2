import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const DOWNLOAD_MS = 5 * 60_000;
const KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Whether this machine has its packages from Debian 12. */
export async function isBookworm(): Promise<boolean> {
  return (await readFile("/etc/os-release", "utf8")).includes("VERSION_CODENAME=bookworm");
}

/**
 * Unpacks Debian's packages into `<cache>/root`, installing nothing: of another suite than the machine's where one is
 * named, by an apt state of our own. Rejects where there is no apt, or nothing to be had.
 */
export async function unpackDebian(
  cache: string,
  packages: readonly string[],
  suite?: string,
): Promise<void> {
  const options = suite === undefined ? [] : await openSuite(path.join(cache, "apt"), suite);
  const debs = path.join(cache, "debs");
  await rm(debs, { recursive: true, force: true });
  await mkdir(debs, { recursive: true });
  await apt([...options, "download", ...packages], debs);
  for (const name of await readdir(debs)) {
    await run("dpkg-deb", ["-x", path.join(debs, name), path.join(cache, "root")], { timeout: DOWNLOAD_MS });
  }
  await rm(debs, { recursive: true });
}

async function openSuite(state: string, suite: string): Promise<readonly string[]> {
  const options = [
    ["Dir::Etc::SourceList", path.join(state, "sources.list")],
    ["Dir::Etc::SourceParts", "/dev/null"],
    ["Dir::State::Lists", path.join(state, "lists")],
    ["Dir::Cache", path.join(state, "cache")],
  ].flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  for (const folder of ["lists/partial", "cache/archives/partial"]) {
    await mkdir(path.join(state, folder), { recursive: true });
  }
  const source = `deb [signed-by=${KEYS}] ${await findArchive()} ${suite} main\n`;
  await writeFile(path.join(state, "sources.list"), source);
  await apt([...options, "update"], state);
  return options;
}

/** The archive that this machine has its packages from. */
async function findArchive(): Promise<string> {
  const format = "$(REPO_URI) $(CODENAME)";
  const { stdout } = await run("apt-get", ["indextargets", "--format", format], { timeout: DOWNLOAD_MS });
  const [, archive] = /^(\S+) (?:bookworm|trixie)$/m.exec(stdout) ?? [];
  if (archive === undefined) throw new Error("apt has no archive of Debian.");
  return archive;
}

async function apt(args: readonly string[], cwd: string): Promise<void> {
  await run("apt-get", ["-qq", "-o", "APT::Sandbox::User=root", ...args], { cwd, timeout: DOWNLOAD_MS });
}
