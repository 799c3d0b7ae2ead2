import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium } from "playwright";
import { build, preview } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startErrorsServer } from "../../demo/servers/errors-server.ts";
import { chromiumOptions } from "../setup/chromium.ts";

const root = path.resolve(import.meta.dirname, "../..");
const SAMPLE_SERVER = "http://127.0.0.1:4171/mcp";

/** What each example of the README prints, in order; a part of each line. */
const EXPECTED = [
  [/run_code/, /"status":"returned","value":\{"at":"20/],
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
];

describe("the examples of the README", () => {
  let folder: string;
  let examples: readonly string[];

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-readme-"));
    const readme = await readFile(path.join(root, "README.md"), "utf8");
    examples = [...readme.matchAll(/^( *)```ts\n([\s\S]*?)^\1```$/gm)].map(([, , code = ""]) => code);
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test("are as many as are checked here", () => {
    expect(examples.length).toBe(EXPECTED.length);
  });

  test.each(EXPECTED.map((lines, index) => ({ index, lines })))(
    "number $index prints what it should",
    async ({ index, lines }) => {
      const server = await startErrorsServer({ port: 0, host: "127.0.0.1" });
      const app = path.join(folder, `example-${index}`);
      await mkdir(path.join(app, "public"), { recursive: true });
      await copyFile(path.join(root, "dist", "sandbox.html"), path.join(app, "public", "sandbox.html"));
      const code = (examples[index] ?? "").replaceAll(SAMPLE_SERVER, server.url);
      await writeFile(path.join(app, "main.ts"), `${code}\nconsole.log("example done");\n`);
      await writeFile(
        path.join(app, "index.html"),
        '<!doctype html><title>example</title><script type="module" src="./main.ts"></script>',
      );
      await build({
        root: app,
        configFile: false,
        logLevel: "error",
        build: { target: "esnext" },
        resolve: {
          alias: [
            { find: /^mcp-optimizer$/, replacement: path.join(root, "dist/index.js") },
            { find: /^mcp-optimizer\/(.+)$/, replacement: path.join(root, "dist/$1.js") },
          ],
        },
      });
      const site = await preview({
        root: app,
        configFile: false,
        logLevel: "error",
        preview: { host: "127.0.0.1", port: 0 },
      });
      await using browser = await chromium.launch(chromiumOptions());
      const page = await browser.newPage();
      await page.addInitScript(() => {
        const printed: string[] = [];
        Object.assign(globalThis, { printed });
        console.log = (...values: unknown[]) =>
          printed.push(values.map((value) => JSON.stringify(value)).join(" "));
      });
      const failures: string[] = [];
      page.on("pageerror", (error) => failures.push(error.message));
      await page.goto(site.resolvedUrls?.local[0] ?? "");
      const output = await page
        .waitForFunction(() => {
          const printed: readonly string[] = Reflect.get(globalThis, "printed");
          return printed.includes('"example done"') ? printed : undefined;
        })
        .then((handle) => handle.jsonValue());
      const missing = lines.filter((line) => !output?.some((text) => line.test(text)));
      expect({ missing, failures, output }).toEqual({ missing: [], failures: [], output });
      await site.close();
      await server.close();
    },
  );
});
