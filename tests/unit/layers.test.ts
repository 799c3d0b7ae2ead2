import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findLayerViolations, findSpecifiers } from "./layers.ts";

const root = path.resolve(import.meta.dirname, "../..");
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-layers-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe("the sources", () => {
  test("import in the direction of the layers only", async () => {
    const names = (await readdir(path.join(root, "src"), { recursive: true })).filter((name) =>
      /\.[jt]s$/.test(name),
    );
    expect(names.length).toBeGreaterThan(20);
    const files = await Promise.all(
      names.map(async (name) => ({
        path: name.split(path.sep).join("/"),
        text: await readFile(path.join(root, "src", name), "utf8"),
      })),
    );
    expect(files.flatMap(findLayerViolations)).toEqual([]);
  });
});

describe("a violation is reported", () => {
  test.for([
    ["base/x.ts", 'import { a } from "../protocol/a.ts";', "base does not import protocol"],
    ["protocol/x.ts", 'import type { A } from "../tools/a.ts";', "protocol does not import tools"],
    ["runtimes/x.ts", 'export * from "../sandbox/limits.ts";', "runtimes does not import sandbox"],
    ["tools/x.ts", 'const a = await import("../engine/a.ts");', "tools does not import engine"],
    ["mcp/x.ts", 'type A = import("../sessions/a.ts").A;', "mcp does not import sessions"],
    ["sessions/x.ts", 'export { a } from "../engine/a.ts";', "sessions does not import engine"],
    [
      "engine/x.ts",
      'import { createOptimizer } from "../create-optimizer.ts";',
      "engine does not import create-optimizer",
    ],
    [
      "engine/x.ts",
      'import { quickjs } from "../sandbox/browser/quickjs.ts";',
      "neutral code imports no browser code",
    ],
    [
      "sandbox/x.ts",
      'new Worker(new URL("../runtimes/a.ts", import.meta.url));',
      "sandbox does not import runtimes",
    ],
    [
      "sandbox/browser/x.ts",
      'import { serve } from "../../runtimes/serve.ts";',
      "sandbox does not import runtimes",
    ],
    ["index.ts", 'export { createHost } from "./host/create-host.ts";', "index does not import host"],
    ["sandbox/browser/x.ts", 'import fs from "node:fs";', "only host code imports Node"],
    ["runtimes/x.ts", 'import fs from "node:fs";', "only host code imports Node"],
    ["tools/x.ts", "const a = await import(name);", "outside of src"],
    ["tools/x.ts", 'import { a } from "../../tests/a.ts";', "outside of src"],
    ["helpers/x.ts", 'import { a } from "../base/a.ts";', "no rule knows the part helpers"],
  ] as const)("%s: %s", ([file, text, rule]) => {
    expect(findLayerViolations({ path: file, text })).toEqual([expect.stringContaining(`: ${rule}`)]);
  });

  test("and what is allowed, or only text, is not", () => {
    const text = [
      'import type { Json } from "../base/json.ts";',
      'import { requireTool } from "../tools/catalog.ts";',
      '// import { a } from "../engine/a.ts";',
      "const note = 'import { a } from \"../engine/a.ts\"';",
    ].join("\n");
    expect(findSpecifiers({ path: "mcp/x.ts", text })).toEqual(["../base/json.ts", "../tools/catalog.ts"]);
    expect(findLayerViolations({ path: "mcp/x.ts", text })).toEqual([]);
    const runtime = 'import script from "../../runtimes/quickjs-worker.ts?script";';
    expect(findLayerViolations({ path: "sandbox/browser/x.ts", text: runtime })).toEqual([]);
    const node = 'import vm from "node:vm";';
    expect(findLayerViolations({ path: "runtimes/node-x.ts", text: node })).toEqual([]);
  });
});

describe("Biome knows the same layers", () => {
  test("and reports each violation", async () => {
    const project = path.join(folder, "biome");
    const config: { vcs: { enabled: boolean } } = JSON.parse(
      await readFile(path.join(root, "biome.json"), "utf8"),
    );
    config.vcs.enabled = false;
    await writeFiles(project, {
      "biome.json": JSON.stringify(config),
      "src/base/x.ts": 'export { a } from "../protocol/a.ts";',
      "src/protocol/x.ts": 'export type { A } from "../tools/a.ts";',
      "src/runtimes/x.ts": 'export { a } from "../sandbox/a.ts";',
      "src/tools/x.ts": 'export const a = () => import("../engine/a.ts");',
      "src/sessions/x.ts": 'export { a } from "../engine/a.ts";',
      "src/engine/x.ts": 'export { createOptimizer } from "../create-optimizer.ts";',
      "src/index.ts": 'export { a } from "./host/a.ts";',
      "src/mcp/allowed.ts": 'export { a } from "../tools/a.ts";',
    });
    const { output } = await execute("@biomejs/biome/bin/biome", ["lint", "--reporter=json"], project);
    const report: { diagnostics: readonly { category: string; location: { path: string } }[] } = JSON.parse(
      output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1),
    );
    const reported = report.diagnostics
      .filter(({ category }) => category === "lint/style/noRestrictedImports")
      .map(({ location }) => location.path);
    expect(reported.sort()).toEqual([
      "src/base/x.ts",
      "src/engine/x.ts",
      "src/index.ts",
      "src/protocol/x.ts",
      "src/runtimes/x.ts",
      "src/sessions/x.ts",
      "src/tools/x.ts",
    ]);
  });
});

describe("the TypeScript projects", () => {
  test.for([
    ["neutral", "document.title;", "Cannot find name 'document'"],
    ["neutral", 'import "node:fs";', "Cannot find module 'node:fs'|side-effect import of 'node:fs'"],
    ["neutral", "process.exit();", "Cannot find name 'process'"],
    ["browser", 'import fs from "node:fs"; fs;', "Cannot find (name|module) 'node:fs'"],
    ["worker", "window.name;", "Cannot find name 'window'"],
    ["node", "document.title;", "Cannot find name 'document'"],
  ] as const)("%s refuses: %s", async ([project, text, message], { task }) => {
    const place = path.join(folder, `${project}-${task.id}`);
    await writeFiles(place, { "x.ts": `export {};\n${text}\n`, "tsconfig.json": temporaryConfig(project) });
    const { code, output } = await execute("typescript/bin/tsc", ["-p", place], place);
    expect(output).toMatch(new RegExp(message));
    expect(code).not.toBe(0);
  });

  test.for(["neutral", "browser", "worker", "node"] as const)(
    "%s takes what its place has",
    async (project) => {
      const place = path.join(folder, `${project}-control`);
      const text = project === "browser" ? "document.title = location.href;" : "structuredClone({ a: 1 });";
      await writeFiles(place, { "x.ts": `export {};\n${text}\n`, "tsconfig.json": temporaryConfig(project) });
      expect(await execute("typescript/bin/tsc", ["-p", place], place)).toEqual({ code: 0, output: "" });
    },
  );
});

/** The real project's settings, over one file in a temporary folder. */
function temporaryConfig(project: string): string {
  return JSON.stringify({
    extends: path.join(root, "src", `tsconfig.${project}.json`),
    compilerOptions: {
      noEmit: true,
      composite: false,
      emitDeclarationOnly: false,
      rootDir: ".",
      tsBuildInfoFile: null,
      typeRoots: [path.join(root, "node_modules", "@types")],
    },
    include: ["x.ts"],
    references: [],
  });
}

async function writeFiles(place: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(place, name)), { recursive: true });
    await writeFile(path.join(place, name), text);
  }
}

/** Runs a tool of this project under this Node. */
function execute(
  script: string,
  args: readonly string[],
  cwd: string,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [path.join(root, "node_modules", script), ...args],
      { cwd },
      (_, stdout, stderr) => {
        resolve({ code: child.exitCode ?? 1, output: stdout + stderr });
      },
    );
  });
}
