import { existsSync } from "node:fs";
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type FirecrackerOptions, findMissing, startMicrovm } from "../../src/host/sandbox/firecracker.ts";
import { PLACE_LIMITS } from "../../src/host/sandbox/host-sandbox.ts";
import { type RunnerFolder, writeRunners } from "../../src/host/sandbox/runners.ts";
import { runGuest } from "../../src/sandbox/guest-run.ts";
import { resolveLimits } from "../../src/sandbox/limits.ts";
import { recordingPort } from "../suites/recording-port.ts";

/**
 * Stands in for the jailer and what it starts, held to the documented API: it takes each resource once, with the
 * fields that the API requires and no others, and then runs our runner as the guest's init would.
 */
const STAND_IN = `#!/usr/bin/env node
const http = require("node:http"), net = require("node:net"), path = require("node:path"), fs = require("node:fs");
const { spawn } = require("node:child_process");
const args = process.argv.slice(2);
const flag = (name) => args[args.indexOf(name) + 1];
const required = ["--id", "--exec-file", "--uid", "--gid", "--chroot-base-dir"];
if (required.some((name) => !args.includes(name)) || args.indexOf("--") < 0) process.exit(64);
const root = path.join(flag("--chroot-base-dir"), path.basename(flag("--exec-file")), flag("--id"), "root");
const inside = (file) => path.join(root, file);
const fields = {
  "/machine-config": { vcpu_count: "number", mem_size_mib: "number", smt: "boolean" },
  "/boot-source": { kernel_image_path: "string", boot_args: "string" },
  "/drives/rootfs": { drive_id: "string", path_on_host: "string", is_root_device: "boolean", is_read_only: "boolean" },
  "/vsock": { guest_cid: "number", uds_path: "string" },
  "/actions": { action_type: "string" },
};
const told = new Map();
const refuse = (response, fault) => { response.statusCode = 400; response.end(JSON.stringify({ fault_message: fault })); };
http.createServer((request, response) => {
  let text = "";
  request.on("data", (piece) => { text += piece; }).on("end", () => {
    const known = fields[request.url];
    if (request.method !== "PUT" || known === undefined) return refuse(response, "no such resource");
    const body = JSON.parse(text);
    const wrong = [...new Set([...Object.keys(known), ...Object.keys(body)])].filter((name) => typeof body[name] !== known[name]);
    if (wrong.length > 0 || told.has(request.url)) return refuse(response, "fields: " + wrong);
    told.set(request.url, body);
    if (request.url === "/actions") {
      if (told.size !== 5 || body.action_type !== "InstanceStart") return refuse(response, "not ready");
      for (const file of [told.get("/boot-source").kernel_image_path, told.get("/drives/rootfs").path_on_host]) {
        if (!fs.existsSync(inside(file))) return refuse(response, "no file " + file);
      }
      const stream = net.connect(inside(told.get("/vsock").uds_path + "_52"));
      const guest = spawn(process.execPath, [process.env.RUNNER ?? ${"RUNNER"}], { stdio: ["pipe", "pipe", "inherit"] });
      stream.pipe(guest.stdin);
      guest.stdout.pipe(stream);
      guest.once("exit", () => process.exit(0));
    }
    response.statusCode = 204;
    response.end();
  });
}).listen(inside(flag("--api-sock")));
`;

let folder: string;
let runners: RunnerFolder;
let options: FirecrackerOptions;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "fc-"));
  runners = await writeRunners();
  const file = async (name: string, text: string): Promise<string> => {
    const at = path.join(folder, name);
    await writeFile(at, text);
    await chmod(at, 0o755);
    return at;
  };
  const standIn = STAND_IN.replace("#!/usr/bin/env node", `#!${process.execPath}`).replace(
    "process.env.RUNNER ?? RUNNER",
    JSON.stringify(runners.file("javascript")),
  );
  options = {
    kernel: await file("vmlinux", "kernel"),
    rootfs: await file("rootfs.ext4", "files"),
    firecracker: await file("firecracker", "#!/bin/sh\n"),
    jailer: await file("jailer", standIn),
    jails: path.join(folder, "j"),
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
  };
});

afterAll(async () => {
  await runners[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

describe("a microVM, by Firecracker's documented API", () => {
  test("is set up, runs a program by a port of the host's, and leaves no jail", async () => {
    const { channel, gone } = await startMicrovm(options, "javascript", PLACE_LIMITS);
    await channel.start();
    const program = {
      language: "javascript",
      code: "return (await tools.srv.echo({ n: 21 })).n * 2",
      inputs: "{}",
    } as const;
    const signal = new AbortController().signal;
    const outcome = await runGuest(channel, "r1", program, recordingPort(), resolveLimits(), signal);
    expect(outcome).toMatchObject({ status: "returned", json: "42" });
    channel.kill();
    await gone;
    expect(await readdir(path.join(folder, "j", "firecracker"))).toEqual([]);
  });

  test("with a path that is too long for a socket says so, and makes nothing", async () => {
    const jails = path.join(folder, "j".repeat(80));
    await expect(startMicrovm({ ...options, jails }, "javascript", PLACE_LIMITS)).rejects.toThrow(
      /too long for a socket, by \d+ bytes: choose shorter `jails`/,
    );
    expect(existsSync(jails)).toBe(false);
  });

  test("that is refused says what was, and leaves no jail", async () => {
    const limits = { ...PLACE_LIMITS, memoryBytes: Number.NaN };
    await expect(startMicrovm(options, "javascript", limits)).rejects.toMatchObject({
      kind: "firecracker_refused",
      message: expect.stringContaining("/machine-config (400)"),
    });
    await vi.waitFor(async () => expect(await readdir(path.join(folder, "j", "firecracker"))).toEqual([]));
  });

  test("that can't be here says everything that is missing", () => {
    const missing = findMissing({
      kernel: "/no/kernel",
      rootfs: "/no/rootfs",
      uid: 1,
      gid: 1,
      firecracker: "no-fc",
      jailer: "no-jailer",
    });
    expect(missing).toEqual(
      expect.arrayContaining([
        "there is no no-fc",
        "there is no no-jailer",
        "/no/kernel can't be read",
        "/no/rootfs can't be read",
      ]),
    );
  });
});
