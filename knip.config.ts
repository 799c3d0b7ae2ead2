import type { KnipConfig } from "knip";

const config: KnipConfig = {
  entry: [
    "index.html",
    "signed-in.html",
    "src/cli/main.ts",
    "src/build/reference.ts",
    "demo/serve.ts",
    "demo/offline/service-worker.ts",
    "demo/servers/*-cli.ts",
    "tests/attacks/**/*.control.ts",
    "tests/bench/*.{ts,html}",
    "tests/browser/setup/signed-in-page.ts",
    "tests/browser/setup/webcontainer/headless.ts",
    "tests/host/setup/bubblewrap-host.mjs",
    "tests/host/setup/inheriting-host.ts",
  ],
  project: ["src/**/*.{ts,js}", "demo/**/*.{ts,mjs}", "tests/**/*.{ts,mjs}", "*.ts", "**/*.html"],
  ignoreExportsUsedInFile: true,
  // TypeScript finds it beside the script that it describes.
  ignore: ["src/runtimes/guest-prelude.d.ts"],
  ignoreDependencies: [
    // Started by their paths, as programs.
    "deno",
    "@modelcontextprotocol/inspector",
    "@modelcontextprotocol/server-everything",
    "statsd",
  ],
  // Makes the certificate that a test speaks TLS with; what suites of the host install, start and wrap.
  ignoreBinaries: ["openssl", "apt-get", "bwrap", "unshare", "promtool"],
  compilers: {
    // What a page loads: its module scripts.
    html: (text) =>
      [...text.matchAll(/<script[^>]*\bsrc="\/?\.?\/?([^"]+)"/g)]
        .map(([, src]) => `import "./${src}";`)
        .join("\n"),
  },
};

export default config;
