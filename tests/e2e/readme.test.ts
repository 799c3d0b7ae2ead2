import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Browser, chromium } from "playwright";
import { build, type PreviewServer, preview } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startErrorsServer } from "../../demo/servers/errors-server.ts";
import type { RunningServer } from "../../demo/servers/loopback.ts";
import { chromiumOptions } from "../setup/chromium.ts";

const root = path.resolve(import.meta.dirname, "../..");
const SAMPLE_SERVER = "http://127.0.0.1:4171/mcp";

/** What each example of the README prints, in order; a part of each line. */
const EXPECTED = [
  [/run_code/, /"status":"returned","value":\{"at":"20/],
  [/price/, /"status":"returned","value":300/, /"status":"threw"/],
  [/\{"median":9,"cheap":\[0,1,2\]\}/],
  [/"status":"returned","value":"pong"/],
  [/"started"/, /"tool_call"/, /"tool_result"/, /"finished"/, /^42 /, /"result":\{"value":8/],
  [
    /"handle":"[0-9a-f]{24}".*"shape":"\{ id: number \}\[\]"/,
    /"status":"returned","value":5000/,
    /^"image\/webp" 5000$/,
  ],
  [/"code":429,"kind":"token_budget_exceeded"/, /^\{"session":\{"limit":200,"used":\d{3},/],
  [
    /"value":\["[a-z-]+","[a-z-]+"\].*"route":\{"way":"code"/,
    /^\{"way":"mcp","why":"flags\.executionMode is/,
    /"estimates":\{"mcp":\{"tokens":\d+/,
  ],
  [
    /^"page\.post sends data out, and the program has seen answers of page\.inbox\."$/,
    /"status":"returned","value":"posted Lunch\?"/,
  ],
  [/^"1" \{"state":"durable"\}$/, /^"conversation-1" 5$/],
  [/^\[8\]$/, /^"closed" 2 1 true$/],
  [/^1 \[\s*false,\s*true\s*\].*"?hits"?: ?1/],
  [/^1 \{"ok":1,/, /"records":5,"head":\{"seq":5,/],
  [/returned.*tools\.page\.ping.*1 call/],
  [/"status":"returned","value":4999999950000000/],
  [/^"ready" "signed_out"$/],
  [/"status":"returned","value":"pong"/],
  // Those of the guides.
  [/list_errors/, /"started"/, /"tool_call"/, /"status":"returned","value":\["ERR-/],
  [/page\.remove/, /"value":\["kept","removed"\]/, /"code":403/, /^\["page\.remove"\] "deny"$/],
  [/^"return 6 \* 7" true$/, /"status":"returned","value":42/],
  [/"status":"returned","value":42/, /^true$/],
  [/^"run_code" ".*pong/],
];

describe("the examples of the README and the guides", () => {
  let folder: string;
  let examples: readonly string[];
  let browser: Browser;
  let server: RunningServer;
  let site: PreviewServer;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-readme-"));
    server = await startErrorsServer({ port: 0, host: "127.0.0.1" });
    browser = await chromium.launch(chromiumOptions());
    const files = ["README.md", "GUIDES.md"].map((name) => readFile(path.join(root, name), "utf8"));
    const text = (await Promise.all(files)).join("\n");
    examples = [...text.matchAll(/^( *)```ts\n([\s\S]*?)^\1```$/gm)].map(([, , code = ""]) => code);
    await buildPages(
      folder,
      examples.map((code) => code.replaceAll(SAMPLE_SERVER, server.url)),
    );
    site = await preview({
      root: folder,
      configFile: false,
      logLevel: "error",
      preview: { host: "127.0.0.1", port: 0 },
    });
  });

  afterAll(async () => {
    await browser.close();
    await site.close();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  test("are as many as are checked here", () => {
    expect(examples.length).toBe(EXPECTED.length);
  });

  test.each(EXPECTED.map((lines, index) => ({ index, lines })))(
    "number $index prints what it should",
    async ({ index, lines }) => {
      // A browser's own storage is each example's own.
      await using context = await browser.newContext();
      const page = await context.newPage();
      await page.addInitScript(() => {
        const printed: string[] = [];
        Object.assign(globalThis, { printed });
        console.log = (...values: unknown[]) =>
          printed.push(values.map((value) => JSON.stringify(value)).join(" "));
      });
      const failures: string[] = [];
      page.on("pageerror", (error) => {
        failures.push(error.message);
        void page.evaluate(() => console.log("example done"));
      });
      await page.goto(`${site.resolvedUrls?.local[0]}example-${index}.html`);
      const output = await page
        .waitForFunction(() => {
          const printed: readonly string[] = Reflect.get(globalThis, "printed");
          return printed.includes('"example done"') ? printed : undefined;
        })
        .then((handle) => handle.jsonValue());
      const missing = lines.filter((line) => !output?.some((text) => line.test(text)));
      expect({ missing, failures, output }).toEqual({ missing: [], failures: [], output });
    },
  );
});

/** Builds a page of each example, as an embedder would, all in one build. */
async function buildPages(folder: string, examples: readonly string[]): Promise<void> {
  await mkdir(path.join(folder, "public"));
  await copyFile(path.join(root, "dist", "sandbox.html"), path.join(folder, "public", "sandbox.html"));
  const input: string[] = [];
  for (const [index, code] of examples.entries()) {
    const page = path.join(folder, `example-${index}.html`);
    const script = `<script type="module" src="./example-${index}.ts"></script>`;
    await writeFile(page, `<!doctype html><title>example</title>${script}`);
    await writeFile(path.join(folder, `example-${index}.ts`), `${code}\nconsole.log("example done");\n`);
    input.push(page);
  }
  await build({
    root: folder,
    configFile: false,
    logLevel: "error",
    build: { target: "esnext", rolldownOptions: { input } },
    resolve: {
      alias: [
        { find: /^mcp-optimizer$/, replacement: path.join(root, "dist/index.js") },
        { find: /^mcp-optimizer\/(.+)$/, replacement: path.join(root, "dist/$1.js") },
        { find: /^zod$/, replacement: path.join(root, "node_modules/zod/index.js") },
      ],
    },
  });
}
