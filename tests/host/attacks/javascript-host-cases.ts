// Programs in JavaScript, with all of Node, that want the host.

import { type HostCase, INERT_OR_ENDED, TIMEOUT } from "./host-case.ts";

/** Gives what each act gives, or the code of its error. */
const attempts = (...acts: readonly string[]): string => `
const out = [];
const attempt = async (act) => {
  try { out.push(String(await act()).slice(0, 4000)) } catch (error) { out.push(error.code ?? error.name) }
};
${acts.map((act) => `await attempt(() => ${act});`).join("\n")}
out.join("; ")`;

const MODULES = `
const [fs, net, dgram, dns, path, child] = await Promise.all(
  ["fs", "net", "dgram", "dns/promises", "path", "child_process"].map((name) => import("node:" + name)));
`;

const javascript = (one: Omit<HostCase, "language">): HostCase => ({
  ...one,
  language: "javascript",
  code: MODULES + one.code,
});

export const JAVASCRIPT_HOST_CASES: readonly HostCase[] = [
  javascript({
    id: "js-host-files",
    covers: ["PUB-OS-01", "PUB-SEC-01"],
    wants: "files of the host: secrets, other processes' environments",
    code: attempts(
      'fs.readFileSync(HOST_DIR + "/planted.txt", "utf8")',
      `fs.readFileSync("/proc/" + HOST_PID + "/environ", "utf8")`,
      'fs.readFileSync("/proc/1/environ", "utf8")',
      'fs.readFileSync("/proc/1/root" + HOST_DIR + "/planted.txt", "utf8")',
      'child.execSync("cat " + HOST_DIR + "/planted.txt", { encoding: "utf8", stdio: "pipe" })',
      "JSON.stringify(process.env)",
      "JSON.stringify(process.report.getReport().environmentVariables)",
      'fs.readdirSync("/proc/self/fd").map((fd) => { try { return fs.readFileSync("/proc/self/fd/" + fd, { encoding: "utf8", flag: fs.constants.O_RDONLY | fs.constants.O_NONBLOCK }) } catch (error) { return error.code } }).join()',
    ),
    ends: INERT_OR_ENDED,
    timeoutMs: 5_000,
    trips: ["secret"],
  }),
  javascript({
    id: "js-host-network",
    covers: ["PUB-NET-03", "PUB-NET-04"],
    wants: "the network, the host's loopback and its local sockets, by every module that Node has for it",
    code: `
const reach = (options) => new Promise((resolve, reject) => {
  const socket = net.connect({ ...options, timeout: 1000 }, () => { socket.destroy(); resolve("connected") });
  socket.on("error", reject).on("timeout", () => { socket.destroy(); reject(new Error("timeout")) });
});
const send = () => new Promise((resolve, reject) => {
  const socket = dgram.createSocket("udp4").on("error", reject);
  socket.send("x", UDP_PORT, "127.0.0.1", (error) => { socket.close(); error ? reject(error) : resolve("sent") });
});
${attempts(
  'reach({ host: "127.0.0.1", port: PORT })',
  'reach({ host: "::ffff:127.0.0.1", port: PORT })',
  "reach({ path: SOCKET })",
  'reach({ path: "\\0" + HIDDEN })',
  "send()",
  'fetch("http://127.0.0.1:" + PORT)',
  'new Promise((resolve, reject) => { const socket = new WebSocket("ws://127.0.0.1:" + PORT); socket.onerror = () => reject(new Error("refused")); socket.onopen = resolve })',
  'dns.resolve4("leak." + NONCE + ".invalid")',
  `child.execFileSync("/bin/sh", ["-c", "exec 3<>/dev/tcp/127.0.0.1/" + PORT], { stdio: "ignore", timeout: 2000 })`,
)}`,
    trips: ["network"],
  }),
  javascript({
    id: "js-host-writes",
    covers: ["PUB-OS-01"],
    wants: "to leave a file on the host, or to change our own runner there",
    code: `
const made = [];
const runner = path.dirname(process.argv[1]);
for (const folder of [HOST_DIR, "/tmp", "/var/tmp", "/dev/shm", "/usr", "/usr/bin", "/etc", "/", "/opt", runner, path.dirname(process.execPath)]) {
  try { fs.writeFileSync(folder + "/" + NONCE, "x"); made.push(folder) } catch {}
}
for (const file of [process.argv[1], process.execPath]) {
  try { fs.closeSync(fs.openSync(file, "r+")); made.push(CLAIM) } catch {}
  try { fs.chmodSync(file, 0o777); made.push(CLAIM) } catch {}
}
made`,
    trips: ["written"],
  }),
  javascript({
    id: "js-daemons",
    covers: ["PUB-ZOM-01", "PUB-OS-02"],
    wants: "processes that live on",
    code: `
for (let count = 0; count < 5; count += 1) {
  const one = child.spawn("/bin/sh", ["-c", "trap '' TERM HUP INT; setsid sleep " + NONCE + " & sleep " + NONCE], { detached: true, stdio: "ignore" });
  one.on("error", () => {});
  one.unref();
}
await new Promise((resolve) => setTimeout(resolve, 300));
"left"`,
    trips: ["processes"],
  }),
  javascript({
    id: "js-daemons-then-loop",
    covers: ["PUB-CPU-04", "PUB-OS-02"],
    wants: "processes that live on when its time is over",
    code: `
child.spawn("/bin/sh", ["-c", "trap '' TERM; (setsid sleep " + NONCE + " &) ; sleep " + NONCE], { detached: true, stdio: "ignore" }).unref();
await new Promise((resolve) => setTimeout(resolve, 300));
for (;;);`,
    ends: TIMEOUT,
    timeoutMs: 2_000,
    trips: ["processes"],
  }),
  javascript({
    id: "js-signals-host",
    covers: ["PUB-OS-01"],
    wants: "to end the process that started it",
    code: `
const out = [];
for (const pid of [HOST_PID, process.ppid]) {
  try {
    process.kill(pid, 0);
    out.push(fs.readFileSync("/proc/" + pid + "/cmdline", "utf8").includes("node_modules") ? CLAIM : "another");
  } catch (error) { out.push(error.code) }
}
out`,
    trips: ["claim"],
  }),
  javascript({
    id: "js-kills-runner",
    covers: ["PUB-EXIT-01"],
    wants: "its runner to die in silence",
    code: `process.kill(process.pid, "SIGKILL"); await new Promise(() => {})`,
    // The first process of a container can't be ended from within: then nothing happens.
    ends: /^(?:stopped crashed|threw Error)$/,
    trips: "the plain process dies as well, and that is told",
  }),
  javascript({
    id: "js-workers-burn",
    covers: ["PUB-CPU-05", "PUB-TMR-01"],
    wants: "to go on in threads after its end",
    code: `
const { Worker } = await import("node:worker_threads");
for (let count = 0; count < 3; count += 1) new Worker("for (;;);", { eval: true }).on("error", () => {});
for (;;);`,
    ends: TIMEOUT,
    timeoutMs: 1_500,
    trips: "the plain process ends with its threads",
  }),
  javascript({
    id: "js-leaves",
    covers: ["PUB-POI-03"],
    wants: "the next run to find what this one left",
    code: `
for (const folder of ["/tmp", "/dev/shm", "/var/tmp", process.cwd()]) {
  try { fs.writeFileSync(folder + "/" + NONCE, "left") } catch {}
}
"left"`,
    trips: ["written", "next_run"],
    afterwards: `
const { existsSync } = await import("node:fs");
const found = ["/tmp", "/dev/shm", "/var/tmp", process.cwd()].filter((folder) => existsSync(folder + "/" + NONCE));
found.length === 0 ? "clean" : found`,
  }),
];
