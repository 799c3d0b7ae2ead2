import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";

const executablePath = process.env.MCP_OPTIMIZER_BROWSER;

/** Chromium without its own sandbox only where it can't have one: as root in a container. */
const args = ["--disable-gpu", "--disable-quic", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])];

const browser = {
  enabled: true,
  headless: true,
  screenshotFailures: false,
  provider: playwright({
    launchOptions: { args, ...(executablePath === undefined ? {} : { executablePath }) },
  }),
  instances: [{ browser: "chromium" as const }],
};

export default defineConfig({
  test: {
    projects: [
      {
        extends: "./vite.config.ts",
        test: { name: "unit", include: ["tests/unit/**/*.test.ts"], testTimeout: 30_000 },
      },
      {
        extends: "./vite.config.ts",
        optimizeDeps: {
          include: [
            "comlink",
            "@modelcontextprotocol/client",
            "@cfworker/json-schema",
            "gpt-tokenizer/encoding/o200k_base",
            "@webcontainer/api",
          ],
        },
        test: {
          name: "browser",
          include: ["tests/browser/**/*.test.ts", "tests/attacks/**/*.test.ts"],
          testTimeout: 60_000,
          globalSetup: [
            "tests/attacks/setup/canary-server.ts",
            "tests/browser/setup/servers.ts",
            "tests/browser/setup/webcontainer/provide.ts",
          ],
          browser,
        },
      },
      {
        extends: "./vite.config.ts",
        test: {
          name: "package",
          include: ["tests/package/**/*.test.ts", "tests/e2e/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
