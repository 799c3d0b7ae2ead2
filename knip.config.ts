import type { KnipConfig } from "knip";

const config: KnipConfig = {
  entry: [
    "index.html",
    "demo/serve.ts",
    "demo/servers/*-cli.ts",
    "tests/attacks/**/*.control.ts",
    "tests/bench/*.{ts,html}",
    "tests/browser/setup/webcontainer/headless.ts",
  ],
  project: ["src/**/*.{ts,js}", "demo/**/*.{ts,mjs}", "tests/**/*.{ts,mjs}", "*.ts", "**/*.html"],
  ignoreExportsUsedInFile: true,
  // TypeScript finds it beside the script that it describes.
  ignore: ["src/runtimes/guest-prelude.d.ts"],
  ignoreDependencies: [
    // Started by its path, as a program.
    "@modelcontextprotocol/server-everything",
  ],
  compilers: {
    // What a page loads: its module scripts.
    html: (text) =>
      [...text.matchAll(/<script[^>]*\bsrc="\/?\.?\/?([^"]+)"/g)]
        .map(([, src]) => `import "./${src}";`)
        .join("\n"),
  },
};

export default config;
