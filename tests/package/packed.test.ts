import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium } from "playwright";
import { build, type PreviewServer, preview } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { VERSION } from "../../src/version.ts";
import { chromiumOptions } from "../setup/chromium.ts";
import { npm, run } from "../setup/process.mjs";
import { findEager, findReachable, parseModule, readModules } from "./dist-modules.ts";

const root = path.resolve(import.meta.dirname, "../..");
const COMMAND_TIMEOUT_MS = 150_000;

/** An application as its author would write it: nothing but the package. */
const APP = {
  "package.json": JSON.stringify({ name: "app", private: true, type: "module" }),
  "index.html": '<!doctype html><title>app</title><script type="module" src="./main.js"></script>',
  "main.js": `
    import { createOptimizer } from "mcp-optimizer";

    const optimizer = await createOptimizer({
      tools: {
        add: {
          description: "Adds two numbers",
          inputSchema: {
            type: "object",
            properties: { a: { type: "number" }, b: { type: "number" } },
            required: ["a", "b"],
          },
          call: async ({ a, b }) => a + b,
        },
      },
    });
    const result = await optimizer.run({
      language: "typescript",
      code: "const sum: number = await tools.page.add({ a: 1, b: 2 }); return sum",
    });
    await optimizer[Symbol.asyncDispose]();

    const { webcontainer } = await import("mcp-optimizer/webcontainer");
    const missing = await webcontainer({ coep: "none" }).prepare().catch(({ kind, hint }) => ({ kind, hint }));
    window.outcome = { status: result.status, value: result.value, missing };
  `,
};

describe("the packed package", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-packed-"));
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test("runs a program in a new Vite application without a plugin", async () => {
    await runNpm(["pack", "--ignore-scripts", "--pack-destination", folder], root);
    const [tarball = "no tarball"] = await readdir(folder);
    const app = path.join(folder, "app");
    await mkdir(app);
    for (const [name, text] of Object.entries(APP)) await writeFile(path.join(app, name), text);
    await runNpm(["install", "--prefer-offline", "--prefix", app, path.join(folder, tarball)], app);

    const { code, output } = await run(
      process.execPath,
      [path.join(app, "node_modules/.bin/mcp-optimizer"), "--version"],
      {
        cwd: app,
        timeoutMs: COMMAND_TIMEOUT_MS,
      },
    );
    expect({ code, output }).toEqual({ code: 0, output: `${VERSION}\n` });

    await build({ root: app, configFile: false, logLevel: "error" });
    await using server = await serve(app);
    await using browser = await chromium.launch(chromiumOptions());
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(server.url);
    const outcome = await page
      .waitForFunction(() => Reflect.get(window, "outcome"), undefined, { timeout: 30_000 })
      .then(
        (handle) => handle.jsonValue(),
        (error: unknown) => String(error),
      );
    expect({ outcome, errors }).toEqual({
      outcome: {
        status: "returned",
        value: 3,
        // The application does without the optional peer, and hears of it only where it would be used.
        missing: {
          kind: "sandbox_unavailable",
          hint: expect.stringContaining("npm install @webcontainer/api"),
        },
      },
      errors: [],
    });
  });
});

describe("the built modules", () => {
  test("load the MCP SDK when a server is named, not with the entry", async () => {
    const modules = await readModules(path.join(root, "dist"));
    const eager = findEager(modules, "index.js");
    expect(
      eager.flatMap((module) => module.eager).filter((name) => name.startsWith("@modelcontextprotocol/")),
    ).toEqual([]);
    expect(modules.flatMap(({ lazy }) => lazy)).toContain("@modelcontextprotocol/client");
  });

  test("load WebContainer's API with its first use, not with its entry", async () => {
    const modules = await readModules(path.join(root, "dist"));
    for (const entry of ["index.js", "webcontainer.js"]) {
      expect(findEager(modules, entry).flatMap(({ eager }) => eager)).not.toContain("@webcontainer/api");
    }
    expect(modules.flatMap(({ lazy }) => lazy)).toContain("@webcontainer/api");
  });

  test("of pages import nothing of Node and nothing of the host, and none turns text into code", async () => {
    const modules = await readModules(path.join(root, "dist"));
    const ofNode = (entry: string): readonly string[] =>
      findReachable(modules, entry)
        .flatMap(({ eager, lazy }) => [...eager, ...lazy])
        .filter((name) => /^node:|^hono|^@hono|^@modelcontextprotocol\/server/.test(name));
    expect([...ofNode("index.js"), ...ofNode("webcontainer.js")]).toEqual([]);
    const adaptors = [
      "ai-sdk",
      "openai",
      "openai-agents",
      "anthropic",
      "langchain",
      "tanstack-ai",
      "copilotkit",
      "webmcp",
    ];
    expect(adaptors.flatMap((name) => ofNode(`${name}.js`))).toEqual([]);
    expect([...ofNode("mcp.js")].filter((name) => name !== "@modelcontextprotocol/server")).toEqual([]);
    expect(new Set(ofNode("host.js"))).toContain("hono");
    expect(modules.flatMap((module) => module.textToCode)).toEqual([]);
  });

  test("of the command line load nothing before they know which Node runs them", async () => {
    const modules = await readModules(path.join(root, "dist"));
    expect(findEager(modules, "cli.js").map(({ path: name }) => name)).toEqual(["cli.js"]);
  });

  test("are told apart from ones that do", () => {
    const text = [
      'import fs from "node:fs"; import { Client } from "@modelcontextprotocol/client"; export * from "./chunk.js";',
      'const lazy = () => import("./later.js"); eval("1"); new Function("a", "return a"); setTimeout("tick()", 1);',
      'const data = "eval(1)"; setTimeout(() => {}, 1);',
    ].join("\n");
    const module = parseModule("index.js", text);
    expect(module).toEqual({
      path: "index.js",
      eager: ["node:fs", "@modelcontextprotocol/client", "./chunk.js"],
      lazy: ["./later.js"],
      textToCode: ['eval("1")', 'new Function("a", "return a")', 'setTimeout("tick()", 1)'],
    });
    const chunk = parseModule("chunk.js", "export const a = 1;");
    expect(findEager([module, chunk], "index.js")).toEqual([module, chunk]);
  });

  test("come with a sandbox document whose policy allows no network and no text as code", async () => {
    const html = await readFile(path.join(root, "dist", "sandbox.html"), "utf8");
    const policy =
      /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html)?.[1]?.split("; ") ?? [];
    expect(policy).toContain("default-src 'none'");
    expect(policy.filter((rule) => /'unsafe-(eval|inline)'|https?:|\*/.test(rule))).toEqual([]);
  });
});

async function runNpm(args: readonly string[], cwd: string): Promise<void> {
  const { command, args: own } = npm();
  const flags = ["--no-audit", "--no-fund", "--loglevel=error"];
  const { code, output, end } = await run(command, [...own, ...args, ...flags], {
    cwd,
    timeoutMs: COMMAND_TIMEOUT_MS,
  });
  if (code !== 0) throw new Error(`npm ${args[0]} failed (${end}): ${output}`);
}

async function serve(app: string): Promise<{ readonly url: string } & AsyncDisposable> {
  const server: PreviewServer = await preview({
    root: app,
    configFile: false,
    logLevel: "error",
    preview: { host: "127.0.0.1", port: 0 },
  });
  const address = server.httpServer.address();
  if (typeof address !== "object" || address === null) throw new Error("The preview server has no address");
  return { url: `http://127.0.0.1:${address.port}/`, [Symbol.asyncDispose]: () => server.close() };
}
