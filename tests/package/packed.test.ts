import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Browser, chromium } from "playwright";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startErrorsServer } from "../../demo/servers/errors-server.ts";
import type { RunningServer } from "../../demo/servers/loopback.ts";
import { VERSION } from "../../src/version.ts";
import { chromiumOptions } from "../setup/chromium.ts";
import { findBlock, installApp, pack, runNode, serveFolder } from "./packed-app.ts";

/** Fixed: what the test tries is this package, not the newest Next.js. */
const NEXT = ["next@16.4.6", "react@19", "react-dom@19"];

/** Applications as their authors would write them; the README has the rest. */
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
  "app/layout.jsx": "export default ({ children }) => <html lang='en'><body>{children}</body></html>;",
  "next.config.mjs": 'export default { output: "export" };',
  "react/index.html":
    '<!doctype html><title>app</title><main></main><script type="module" src="./main.jsx"></script>',
  "react/main.jsx": `
    import { createRoot } from "react-dom/client";
    import Page from "../app/page.jsx";
    createRoot(document.querySelector("main")).render(<Page />);
  `,
};

describe("the packed package", () => {
  let folder: string;
  let app: string;
  let browser: Browser;
  let server: RunningServer;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-packed-"));
    server = await startErrorsServer({ port: 0, records: 500 });
    browser = await chromium.launch(chromiumOptions());
    const readme = await readFile(path.resolve(import.meta.dirname, "../../README.md"), "utf8");
    const files = {
      ...APP,
      "plain.html": withServer(findBlock(readme, "html", "importmap"), server.url),
      "app/page.jsx": withServer(findBlock(readme, "jsx", "use client"), server.url),
    };
    app = await installApp(path.join(folder, "app"), files, [await pack(folder), ...NEXT]);
  });

  afterAll(async () => {
    await browser.close();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** What a page of `site` leaves as `window.outcome`, or shows, and its uncaught errors. */
  async function visit(site: string, name = ""): Promise<{ outcome: unknown; errors: readonly string[] }> {
    await using pages = await serveFolder(site);
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(`${pages.url}${name}`);
    const outcome = await page
      .waitForFunction(
        () => Reflect.get(window, "outcome") ?? document.querySelector("output")?.textContent,
        undefined,
        { timeout: 60_000 },
      )
      .then(
        (handle) => handle.jsonValue(),
        (error: unknown) => String(error),
      );
    await page.close();
    return { outcome, errors };
  }

  test("runs a program in a new Vite application without a plugin", async () => {
    expect(await runNode(app, ["node_modules/.bin/mcp-optimizer", "--version"])).toBe(`${VERSION}\n`);
    await build({ root: app, configFile: false, logLevel: "error" });
    expect(await visit(path.join(app, "dist"))).toEqual({
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

  test("runs a program in a plain page with an import map", async () => {
    expect(await visit(app, "plain.html")).toEqual({
      outcome: expect.objectContaining({ status: "returned", value: 500 }),
      errors: [],
    });
  });

  test("runs a program in applications of React, built by Vite and by Next.js", async () => {
    await build({ root: path.join(app, "react"), configFile: false, logLevel: "error" });
    await runNode(app, ["node_modules/next/dist/bin/next", "build"]);
    for (const site of ["react/dist", "out"]) {
      expect(await visit(path.join(app, site))).toEqual({ outcome: "500 errors", errors: [] });
    }
  });
});

function withServer(text: string, url: string): string {
  const replaced = text.replace("http://127.0.0.1:4171/mcp", url);
  if (replaced === text) throw new Error("The example names no server");
  return replaced;
}
