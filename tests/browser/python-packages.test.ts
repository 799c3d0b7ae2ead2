import { expect, test } from "vitest";
import { createOptimizer } from "../../src/create-optimizer.ts";
import { SandboxFrame } from "../../src/sandbox/browser/frame.ts";
import { pyodide } from "../../src/sandbox/browser/pyodide.ts";
import type { PythonPackages } from "../../src/sandbox/browser/python-packages.ts";
import { makeWheel } from "./setup/wheel.ts";

/** Runs a program with these packages; rejects as the engine does. */
async function runWith(packages: PythonPackages, code: string): Promise<unknown> {
  await using frame = new SandboxFrame();
  return await runIn(frame, packages, code);
}

async function runIn(frame: SandboxFrame, packages: PythonPackages, code: string): Promise<unknown> {
  await using sandbox = pyodide({ frame, packages });
  await using optimizer = await createOptimizer({
    frame,
    sandboxes: [sandbox],
    tools: { ping: { call: async () => "pong" } },
  });
  const result = await optimizer.run({ language: "python", code });
  return result.status === "returned" ? result.value : result;
}

const greeting = await makeWheel("greeting", "def hello(name):\n    return f'hello {name}'\n");
const polite = await makeWheel(
  "polite",
  "import greeting\ndef hi(name):\n    return greeting.hello(name) + '!'\n",
);

/** Answers requests for a folder with files, the way a server would. */
function serveFolder(files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>): Disposable {
  const real = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input, location.href);
    if (!url.pathname.startsWith("/packages/")) return real(input, init);
    const bytes = files[url.pathname.slice("/packages/".length)];
    return bytes === undefined ? new Response(null, { status: 404 }) : new Response(bytes);
  };
  return {
    [Symbol.dispose]() {
      globalThis.fetch = real;
    },
  };
}

const lock = {
  info: { abi_version: "2026_0", arch: "wasm32", platform: "emscripten_5_0_3", python: "3.14.2" },
  packages: Object.fromEntries(
    [
      { name: "greeting", wheel: greeting, depends: [] },
      { name: "polite", wheel: polite, depends: ["greeting"] },
    ].map(({ name, wheel, depends }) => [
      name,
      {
        name,
        version: "1.0",
        file_name: wheel.file,
        sha256: wheel.sha256,
        depends,
        imports: [name],
        install_dir: "site",
        package_type: "package",
      },
    ]),
  ),
};

test("a program imports a wheel that the page allows", async () => {
  using _ = serveFolder({ [greeting.file]: greeting.bytes });
  const wheels = [{ url: `/packages/${greeting.file}`, sha256: greeting.sha256 }];
  expect(await runWith({ wheels }, "import greeting\ngreeting.hello('you')")).toBe("hello you");
});

test("sandboxes of one frame have their own packages", async () => {
  using _ = serveFolder({ [greeting.file]: greeting.bytes });
  await using frame = new SandboxFrame();
  const wheels = [{ url: `/packages/${greeting.file}`, sha256: greeting.sha256 }];
  const code = "import importlib.util\nimportlib.util.find_spec('greeting') is not None";
  expect(await runIn(frame, { wheels }, code)).toBe(true);
  expect(await runIn(frame, {}, code)).toBe(false);
  expect(await runIn(frame, { wheels }, code)).toBe(true);
});

test("a program imports a package of a distribution by name, with what it depends on", async () => {
  using _ = serveFolder({ [greeting.file]: greeting.bytes, [polite.file]: polite.bytes });
  const packages = { names: ["Polite"], baseUrl: "/packages", lock };
  expect(await runWith(packages, "import polite\npolite.hi('you')")).toBe("hello you!");
});

test("nothing runs with a wheel that is another one than the page allows", async () => {
  using _ = serveFolder({ [greeting.file]: polite.bytes, [polite.file]: polite.bytes });
  const wheels = [{ url: `/packages/${greeting.file}`, sha256: greeting.sha256 }];
  await expect(runWith({ wheels }, "1")).rejects.toMatchObject({ code: 403, kind: "integrity" });
  const packages = { names: ["polite"], baseUrl: "/packages/", lock };
  await expect(runWith(packages, "1")).rejects.toMatchObject({ code: 403, kind: "integrity" });
});

test("says which package is missing, unreachable or no wheel of pure Python", async () => {
  using _ = serveFolder({});
  const sha256 = greeting.sha256;
  await expect(
    runWith({ wheels: [{ url: `/packages/${greeting.file}`, sha256 }] }, "1"),
  ).rejects.toMatchObject({
    code: 500,
    kind: "package_unavailable",
    message: expect.stringContaining("the server answered 404"),
    hint: expect.stringContaining("CORS"),
  });
  await expect(runWith({ names: ["nothing"], baseUrl: "/packages/", lock }, "1")).rejects.toMatchObject({
    code: 400,
    message: "Pyodide has no package nothing.",
  });
  await expect(runWith({ names: ["polite"], lock }, "1")).rejects.toMatchObject({
    code: 400,
    hint: expect.stringContaining("packages.baseUrl"),
  });
  const compiled = "/packages/fast-1.0-cp314-cp314-linux_x86_64.whl";
  await expect(runWith({ wheels: [{ url: compiled, sha256 }] }, "1")).rejects.toMatchObject({
    code: 400,
    message: "fast-1.0-cp314-cp314-linux_x86_64.whl is no wheel of pure Python.",
  });
});
