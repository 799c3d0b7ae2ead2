import { defineConfig } from "vite";
import { precacheList, WORKER_FILE } from "./demo/offline/precache-list.ts";
import { configSchema } from "./src/build/config-schema.ts";
import { sandboxAssets } from "./src/build/sandbox-assets.ts";

export default defineConfig(({ mode }) => ({
  base: "./",
  plugins: [
    sandboxAssets(),
    ...(mode === "lib" ? [configSchema()] : []),
    ...(mode === "demo" ? [precacheList()] : []),
  ],
  build:
    mode === "lib"
      ? {
          outDir: "dist",
          emptyOutDir: true,
          copyPublicDir: false,
          target: "es2022",
          lib: {
            entry: {
              index: "src/index.ts",
              webcontainer: "src/webcontainer.ts",
              remote: "src/remote.ts",
              "sign-in": "src/sign-in.ts",
              telemetry: "src/telemetry.ts",
              devtools: "src/devtools/index.ts",
              host: "src/host/index.ts",
              cli: "src/cli/main.ts",
              "ai-sdk": "src/adaptors/ai-sdk.ts",
              openai: "src/adaptors/openai.ts",
              "openai-agents": "src/adaptors/openai-agents.ts",
              anthropic: "src/adaptors/anthropic.ts",
              mcp: "src/adaptors/mcp.ts",
              "standard-schema": "src/adaptors/standard-schema.ts",
              webmcp: "src/adaptors/webmcp.ts",
              copilotkit: "src/adaptors/copilotkit.ts",
              "assistant-ui": "src/adaptors/assistant-ui.ts",
              langchain: "src/adaptors/langchain.ts",
              mastra: "src/adaptors/mastra.ts",
              "tanstack-ai": "src/adaptors/tanstack-ai.ts",
            },
            formats: ["es"],
          },
          rolldownOptions: {
            external: [
              /^node:/,
              /^@modelcontextprotocol\//,
              "comlink",
              "@cfworker/json-schema",
              "hono",
              "@hono/node-server",
              "idb-keyval",
              "@webcontainer/api",
              "ioredis",
              /^@opentelemetry\//,
              "uplot",
              "ws",
              /^modern-tar/,
              "ai",
              "@openai/agents",
              /^@langchain\//,
              "@tanstack/ai",
            ],
            output: { chunkFileNames: "chunks/[name]-[hash].js" },
          },
        }
      : // The tokenizer's vocabulary is one chunk, loaded when it is needed.
        {
          outDir: "dist-demo",
          target: "es2022",
          chunkSizeWarningLimit: 3_000,
          ...(mode === "demo"
            ? {
                rolldownOptions: {
                  input: {
                    index: "index.html",
                    "signed-in": "signed-in.html",
                    "service-worker": "demo/offline/service-worker.ts",
                  },
                  output: {
                    entryFileNames: ({ name }) =>
                      name === "service-worker" ? WORKER_FILE : "assets/[name]-[hash].js",
                  },
                },
              }
            : {}),
        },
}));
