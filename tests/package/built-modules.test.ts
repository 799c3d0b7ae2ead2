import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { findEager, findReachable, parseModule, readModules } from "./dist-modules.ts";

const root = path.resolve(import.meta.dirname, "../..");

describe("the built modules", () => {
  test("load the MCP SDK when a server is named, not with the entry", async () => {
    const modules = await readModules(path.join(root, "dist"));
    const eager = findEager(modules, "index.js");
    expect(
      eager.flatMap((module) => module.eager).filter((name) => name.startsWith("@modelcontextprotocol/")),
    ).toEqual([]);
    expect(modules.flatMap(({ lazy }) => lazy)).toContain("@modelcontextprotocol/client");
  });

  test("load WebContainer's API with its first use, not with its entry", async () => {
    const modules = await readModules(path.join(root, "dist"));
    for (const entry of ["index.js", "webcontainer.js"]) {
      expect(findEager(modules, entry).flatMap(({ eager }) => eager)).not.toContain("@webcontainer/api");
    }
    expect(modules.flatMap(({ lazy }) => lazy)).toContain("@webcontainer/api");
  });

  test("of pages import nothing of Node and nothing of the host, and none turns text into code", async () => {
    const modules = await readModules(path.join(root, "dist"));
    const ofNode = (entry: string): readonly string[] =>
      findReachable(modules, entry)
        .flatMap(({ eager, lazy }) => [...eager, ...lazy])
        .filter((name) => /^node:|^hono|^@hono|^@modelcontextprotocol\/server/.test(name));
    expect([...ofNode("index.js"), ...ofNode("webcontainer.js")]).toEqual([]);
    const adaptors = [
      "ai-sdk",
      "openai",
      "openai-agents",
      "anthropic",
      "langchain",
      "tanstack-ai",
      "copilotkit",
      "assistant-ui",
      "mastra",
      "standard-schema",
      "webmcp",
    ];
    expect(adaptors.flatMap((name) => ofNode(`${name}.js`))).toEqual([]);
    expect([...ofNode("mcp.js")].filter((name) => name !== "@modelcontextprotocol/server")).toEqual([]);
    expect(new Set(ofNode("host.js"))).toContain("hono");
    expect(modules.flatMap((module) => module.textToCode)).toEqual([]);
  });

  test("of the command line load nothing before they know which Node runs them", async () => {
    const modules = await readModules(path.join(root, "dist"));
    expect(findEager(modules, "cli.js").map(({ path: name }) => name)).toEqual(["cli.js"]);
  });

  test("are told apart from ones that do", () => {
    const text = [
      'import fs from "node:fs"; import { Client } from "@modelcontextprotocol/client"; export * from "./chunk.js";',
      'const lazy = () => import("./later.js"); eval("1"); new Function("a", "return a"); setTimeout("tick()", 1);',
      'const data = "eval(1)"; setTimeout(() => {}, 1);',
    ].join("\n");
    const module = parseModule("index.js", text);
    expect(module).toEqual({
      path: "index.js",
      eager: ["node:fs", "@modelcontextprotocol/client", "./chunk.js"],
      lazy: ["./later.js"],
      textToCode: ['eval("1")', 'new Function("a", "return a")', 'setTimeout("tick()", 1)'],
    });
    const chunk = parseModule("chunk.js", "export const a = 1;");
    expect(findEager([module, chunk], "index.js")).toEqual([module, chunk]);
  });

  test("come with a sandbox document whose policy allows no network and no text as code", async () => {
    const html = await readFile(path.join(root, "dist", "sandbox.html"), "utf8");
    const policy =
      /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html)?.[1]?.split("; ") ?? [];
    expect(policy).toContain("default-src 'none'");
    expect(policy.filter((rule) => /'unsafe-(eval|inline)'|https?:|\*/.test(rule))).toEqual([]);
  });
});
