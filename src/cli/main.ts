#!/usr/bin/env node
// Looks at the version of Node before anything is loaded that needs it.

const LEAST = [22, 15] as const;
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major < LEAST[0] || (major === LEAST[0] && minor < LEAST[1])) {
  console.error(
    `mcp-optimizer needs Node ${LEAST.join(".")} or newer; this is Node ${process.versions.node}.\nInstall a newer one from https://nodejs.org.`,
  );
  process.exitCode = 2;
} else {
  const { runCommand } = await import("./run-command.ts");
  process.exitCode = await runCommand(process.argv.slice(2));
}

export {};
