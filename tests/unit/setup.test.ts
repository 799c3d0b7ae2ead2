import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findFirefox, findInstalledBrowser, findWebkit } from "../setup/browser.mjs";
import { findMissingEntries } from "../setup/complete-lock.mjs";
import { findInstallReason, isRecentVersion } from "../setup/dependencies.mjs";
import { run } from "../setup/process.mjs";

const root = path.resolve(import.meta.dirname, "../..");
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-setup-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe("an install is needed", () => {
  const locked = {
    "": {},
    "node_modules/a": { version: "1.0.0" },
    "node_modules/a-other-platform": { version: "1.0.0", optional: true },
  };

  test("when nothing is installed", async () => {
    await writePackages("package-lock.json", locked);
    expect(findInstallReason(folder)).toBe("node_modules is missing");
  });

  test("when a package is missing or has another version", async () => {
    await writePackages("package-lock.json", locked);
    await writePackages("node_modules/.package-lock.json", {});
    expect(findInstallReason(folder)).toBe("node_modules/a is not the lock file's 1.0.0");
    await writePackages("node_modules/.package-lock.json", { "node_modules/a": { version: "0.9.0" } });
    expect(findInstallReason(folder)).toBe("node_modules/a is not the lock file's 1.0.0");
  });

  test("and is not when all is there, whatever another platform or the user has beside it", async () => {
    await writePackages("package-lock.json", locked);
    await writePackages("node_modules/.package-lock.json", {
      "node_modules/a": { version: "1.0.0" },
      "node_modules/extra": { version: "3.0.0" },
    });
    expect(findInstallReason(folder)).toBeUndefined();
  });
});

test.for([
  ["v22.15.0", true],
  ["v24.0.1", true],
  ["v22.14.9", false],
  ["v20.20.2", false],
  ["nonsense", false],
] as const)("Node %s is recent: %s", ([version, recent]) => {
  expect(isRecentVersion(version)).toBe(recent);
});

describe("the lock file", () => {
  test("names the packages of every platform (else: npm run lock)", async () => {
    expect(
      findMissingEntries(JSON.parse(await readFile(path.join(root, "package-lock.json"), "utf8"))),
    ).toEqual({});
  });

  test("gets the entries that a mirror left out", () => {
    const packages = {
      "node_modules/tool": {
        version: "2.0.0",
        dev: true,
        optionalDependencies: {
          "@tool/darwin-arm64": "2.0.0",
          "@tool/linux-x64-musl": "2.0.0",
          "@tool/linux-x64-gnu": "2.0.0",
        },
      },
      "node_modules/@tool/linux-x64-gnu": { version: "2.0.0", optional: true },
    };
    expect(findMissingEntries({ packages })).toEqual({
      "node_modules/@tool/darwin-arm64": {
        version: "2.0.0",
        cpu: ["arm64"],
        os: ["darwin"],
        dev: true,
        optional: true,
      },
      "node_modules/@tool/linux-x64-musl": {
        version: "2.0.0",
        cpu: ["x64"],
        libc: ["musl"],
        os: ["linux"],
        dev: true,
        optional: true,
      },
    });
  });

  test("keeps a second version apart", () => {
    const packages = {
      "node_modules/tool": { version: "2.0.0", optionalDependencies: { "@tool/win32-x64": "2.0.0" } },
      "node_modules/@tool/win32-x64": { version: "1.0.0", optional: true },
    };
    expect(Object.keys(findMissingEntries({ packages }))).toEqual([
      "node_modules/tool/node_modules/@tool/win32-x64",
    ]);
  });
});

describe("the browser is", () => {
  test("the one that the environment names, before all others", async () => {
    const named = await writeProgram("elsewhere/my-browser");
    await writeProgram("bin/chromium");
    expect(findInstalledBrowser(linux({ CHROME_PATH: named }))).toBe(named);
  });

  test("not one that the environment names and that is not there", () => {
    expect(() => findInstalledBrowser(linux({ CHROME_PATH: "/nowhere/chrome" }))).toThrow(
      "CHROME_PATH names /nowhere/chrome, which is no program.",
    );
  });

  test("in a well-known place, before the PATH", async () => {
    await writeProgram("bin/google-chrome");
    const known = await writeProgram("known/chrome");
    expect(findInstalledBrowser({ ...linux(), locations: [path.join(folder, "missing"), known] })).toBe(
      known,
    );
  });

  test("on the PATH, Chrome before Chromium; a folder or a text of that name is none", async () => {
    await mkdir(path.join(folder, "bin/google-chrome"), { recursive: true });
    await writeFile(path.join(folder, "bin/google-chrome-stable"), "text");
    const chromium = await writeProgram("bin/chromium");
    expect(findInstalledBrowser(linux())).toBe(chromium);
  });

  test("none when there is none", () => {
    expect(findInstalledBrowser(linux())).toBeUndefined();
    expect(findFirefox(linux())).toBeUndefined();
    expect(findWebkit(linux())).toBeUndefined();
  });

  test("Debian's Firefox before another one", async () => {
    await writeProgram("bin/firefox");
    const esr = await writeProgram("bin/firefox-esr");
    expect(findFirefox(linux())).toBe(esr);
  });

  test("a WebKit only where a screen for it is to be had", async () => {
    const driver = await writeProgram("bin/WebKitWebDriver");
    expect(findWebkit(linux())).toBeUndefined();
    await writeProgram("bin/Xvfb");
    expect(findWebkit(linux())).toBe(driver);
    expect(() => findWebkit(linux({ MCP_OPTIMIZER_WEBKIT: "/nowhere/driver" }))).toThrow(
      "MCP_OPTIMIZER_WEBKIT names /nowhere/driver, which is no program.",
    );
  });
});

describe("a step", () => {
  test("ends with everything it started when its time is over", async () => {
    // The grandchild holds a connection, which closes when it is gone.
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const connected = once(server, "connection") as Promise<[Socket]>;
    const grandchild = `require("node:net").connect(${port}, "127.0.0.1")`;
    const script = `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(grandchild)}]); setInterval(() => {}, 1000);`;
    const { code, end } = await run(process.execPath, ["-e", script], { timeoutMs: 2_000 });
    expect({ code, end }).toEqual({ code: 1, end: "timeout" });
    const [socket] = await connected;
    socket.on("error", () => {});
    if (!socket.destroyed) await once(socket.resume(), "close");
    server.close();
    await once(server, "close");
  });

  test("says how it ended and what it printed", async () => {
    const printing = 'console.log("out"); process.exitCode = 3;';
    expect(await run(process.execPath, ["-e", printing], { timeoutMs: 20_000 })).toEqual({
      code: 3,
      output: "out\n",
      end: "exited",
    });
    const missing = await run(path.join(folder, "missing"), [], { timeoutMs: 20_000 });
    expect(missing).toEqual({ code: 1, output: expect.stringContaining("ENOENT"), end: "unstartable" });
  });
});

function linux(env: Readonly<Record<string, string>> = {}) {
  return { platform: "linux" as const, env: { PATH: path.join(folder, "bin"), ...env }, locations: [] };
}

async function writePackages(name: string, packages: object): Promise<void> {
  await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
  await writeFile(path.join(folder, name), JSON.stringify({ packages }));
}

async function writeProgram(name: string): Promise<string> {
  const file = path.join(folder, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, "#!/bin/sh\n");
  await chmod(file, 0o755);
  return file;
}
