import { playwright } from "@vitest/browser-playwright";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { type DrivenBrowser, drivenBrowser } from "./tests/drivers/driven-browser.ts";
import { launchFirefox } from "./tests/drivers/firefox.ts";
import { launchWebkit } from "./tests/drivers/webkit.ts";

const executablePath = process.env.MCP_OPTIMIZER_BROWSER;

/** Chromium without its own sandbox only where it can't have one: as root in a container. */
const args = [
  "--disable-gpu",
  "--disable-quic",
  "--enable-features=WebMCP",
  ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
];

/** For suites in Node, about what the build makes of files. */
const BUILT = {
  // In packages it is no module that Node could load.
  server: { deps: { inline: [/\?/] } },
  // The cache looks at one file of each module: what the build makes of many would stay as it was.
  fsModuleCache: false,
};

type BrowserOptions = NonNullable<NonNullable<TestProjectInlineConfiguration["test"]>["browser"]>;

/** What shows that attacks bite: only `npm run attacks` has the minutes for it. */
const controls = process.env.MCP_OPTIMIZER_CONTROLS === undefined ? [] : ["tests/attacks/**/*.control.ts"];

/** The suites of pages, in one browser. */
function pageProject(
  name: string,
  browser: "chromium" | "firefox" | "webkit",
  provider: BrowserOptions["provider"],
): TestProjectInlineConfiguration {
  return {
    extends: "./vite.config.ts",
    // What the build does for pages: WebKit knows no `using`.
    oxc: { target: "es2022" },
    // The polyfill of WebMCP takes no tools without it. Chromium does so unasked.
    ...(browser === "chromium" ? {} : { server: { headers: { "Origin-Agent-Cluster": "?1" } } }),
    optimizeDeps: {
      // A dependency that is found late would load the running tests anew.
      noDiscovery: true,
      include: [
        "comlink",
        "@modelcontextprotocol/client",
        "@cfworker/json-schema",
        "idb-keyval",
        "gpt-tokenizer/encoding/o200k_base",
        "@webcontainer/api",
        "@mcp-b/webmcp-polyfill",
        "uplot",
      ],
    },
    test: {
      name,
      include: ["tests/browser/**/*.test.ts", "tests/attacks/**/*.test.ts", ...controls],
      testTimeout: 60_000,
      hookTimeout: 60_000,
      provide: { contextHammerMs: Number(process.env.MCP_OPTIMIZER_HAMMER_MS ?? 3_000) },
      setupFiles: ["src/base/dispose-symbols.ts"],
      globalSetup: [
        "tests/attacks/setup/canary-server.ts",
        "tests/browser/setup/servers.ts",
        "tests/browser/setup/webcontainer/provide.ts",
      ],
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        ...(provider === undefined ? {} : { provider }),
        instances: [{ browser }],
      },
    },
  };
}

/** The same in a browser of ours, where there is one. */
function drivenProject(
  name: "firefox" | "webkit",
  executable: string | undefined,
  launch: (executable: string) => Promise<DrivenBrowser>,
): TestProjectInlineConfiguration[] {
  if (executable === undefined) return [];
  return [
    pageProject(
      name,
      name,
      drivenBrowser(name, () => launch(executable)),
    ),
  ];
}

export default defineConfig({
  test: {
    projects: [
      {
        extends: "./vite.config.ts",
        test: {
          name: "unit",
          include: ["tests/unit/**/*.test.ts"],
          testTimeout: 30_000,
          ...BUILT,
        },
      },
      {
        extends: "./vite.config.ts",
        test: {
          name: "host",
          include: ["tests/host/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          globalSetup: ["tests/host/setup/bubblewrap.ts"],
          ...BUILT,
        },
      },
      {
        extends: "./vite.config.ts",
        test: {
          // Apart from the host's other suites: a daemon is started for it.
          name: "docker",
          include: ["tests/docker/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
          globalSetup: ["tests/docker/setup/docker.ts"],
          ...BUILT,
        },
      },
      pageProject(
        "browser",
        "chromium",
        playwright({
          launchOptions: { args, ...(executablePath === undefined ? {} : { executablePath }) },
        }),
      ),
      ...drivenProject("firefox", process.env.MCP_OPTIMIZER_FIREFOX, launchFirefox),
      ...drivenProject("webkit", process.env.MCP_OPTIMIZER_WEBKIT, launchWebkit),
      {
        extends: "./vite.config.ts",
        test: {
          name: "package",
          include: ["tests/package/**/*.test.ts", "tests/e2e/**/*.test.ts"],
          globalSetup: ["tests/e2e/setup/build-demo.ts"],
          ...BUILT,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
