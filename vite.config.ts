import { defineConfig } from "vite";
import { sandboxAssets } from "./src/build/sandbox-assets.ts";

export default defineConfig(({ mode }) => ({
  base: "./",
  plugins: [sandboxAssets()],
  build:
    mode === "lib"
      ? {
          outDir: "dist",
          emptyOutDir: true,
          copyPublicDir: false,
          target: "es2022",
          lib: { entry: { index: "src/index.ts", webcontainer: "src/webcontainer.ts" }, formats: ["es"] },
          rolldownOptions: {
            external: [/^@modelcontextprotocol\//, "comlink", "@cfworker/json-schema", "@webcontainer/api"],
            output: { chunkFileNames: "chunks/[name]-[hash].js" },
          },
        }
      : // The tokenizer's vocabulary is one chunk, loaded when it is needed.
        { outDir: "dist-demo", target: "es2022", chunkSizeWarningLimit: 3_000 },
}));
