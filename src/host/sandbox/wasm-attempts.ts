// What somebody would try who broke out of an engine and speaks for its worker: bodies of async functions that
// return when they could do it, and throw when not. `address` is where somebody listens, `file` a file that exists.

import type { Wall } from "./host-sandbox.ts";

interface Attempt {
  readonly name: string;
  readonly wall: Wall;
  readonly body: string;
}

/** The same in a worker of its own, whose scope nobody has emptied. */
function inWorker(body: string): string {
  const source = `(async () => { ${body} })().then(() => postMessage(true), () => postMessage(false))`;
  return `
    const url = "data:text/javascript," + encodeURIComponent(
      "const address = " + JSON.stringify(address) + ", file = " + JSON.stringify(file) + ";" + ${JSON.stringify(source)});
    const worker = new Worker(url, { type: "module" });
    const could = await new Promise((resolve) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => { event.preventDefault(); resolve(false); };
    });
    worker.terminate();
    if (!could) throw new Error("refused");`;
}

const [CONNECT, DENO_CONNECT] = [
  `const net = await import("node:net");
   const [hostname, port] = address.split(":");
   await new Promise((resolve, reject) => net.connect(Number(port), hostname, resolve).on("error", reject));`,
  `const [hostname, port] = address.split(":");
   await Deno.connect({ hostname, port: Number(port) });`,
];

/** The attempts, by the wall that stands in their way. */
export const ATTEMPTS: readonly Attempt[] = [
  { name: "fetch", wall: "network", body: `await fetch("http://" + address)` },
  { name: "import", wall: "network", body: `await import("http://" + address)` },
  { name: "node:net", wall: "network", body: CONNECT },
  { name: "Deno.connect", wall: "network", body: inWorker(DENO_CONNECT) },
  {
    name: "node:dns",
    wall: "network",
    body: `const dns = await import("node:dns"); await dns.promises.lookup("localhost")`,
  },
  {
    name: "node:fs",
    wall: "readOnlyFs",
    body: `const fs = await import("node:fs"); fs.closeSync(fs.openSync(file))`,
  },
  { name: "Deno.open", wall: "readOnlyFs", body: inWorker("Deno.openSync(file).close()") },
  {
    name: "import text",
    wall: "readOnlyFs",
    body: `await import("file://" + file, { with: { type: "text" } })`,
  },
  { name: "Deno.makeTempFile", wall: "diskBytes", body: inWorker("Deno.makeTempFileSync()") },
  { name: "caches", wall: "diskBytes", body: `await caches.open("probe")` },
  {
    name: "node:sqlite",
    wall: "fileHandles",
    body: `const { DatabaseSync } = await import("node:sqlite"); new DatabaseSync(file)`,
  },
  {
    name: "node:child_process",
    wall: "processes",
    body: `const { execFileSync } = await import("node:child_process"); execFileSync(file, ["--version"])`,
  },
  {
    name: "Deno.Command",
    wall: "processes",
    body: inWorker(`new Deno.Command(file, { args: ["--version"] }).outputSync()`),
  },
  {
    name: "signal",
    wall: "processes",
    body: `const { default: process } = await import("node:process"); process.kill(process.ppid, 0)`,
  },
  { name: "environment", wall: "readOnlyFs", body: inWorker("Deno.env.toObject()") },
  { name: "host name", wall: "readOnlyFs", body: `const os = await import("node:os"); os.hostname()` },
  {
    name: "graphics",
    wall: "readOnlyFs",
    body: `if ((await navigator.gpu.requestAdapter()) === null) throw new Error("none")`,
  },
];

/** How long an attempt may take. Milliseconds. */
const ATTEMPT_MS = 3_000;

/** A worker's script that says that it is fit to run programs when no attempt succeeded, or the names of those that did. */
export function attemptScript(attempts: readonly Attempt[]): string {
  const functions = attempts.map(
    ({ name, body }) => `${JSON.stringify(name)}: async (address, file) => { ${body} }`,
  );
  return `
    const attempts = { ${functions.join(",\n")} };
    const tooLate = () => new Promise((_, reject) => setTimeout(reject, ${ATTEMPT_MS}));
    self.onmessage = async ({ data: { files } }) => {
      const text = (name) => new TextDecoder().decode(files[name]);
      const [address, file] = [text("address"), text("file")];
      const tries = Object.entries(attempts).map(([name, attempt]) =>
        Promise.race([attempt(address, file), tooLate()]).then(() => [name], () => []));
      const could = (await Promise.all(tries)).flat();
      const message = could.length === 0 ? { type: "ready" } : { type: "unfit", message: could.join(", ") };
      self.postMessage(JSON.stringify(message));
    };`;
}
