import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { type ConfigInput, loadConfig } from "../../src/cli/config.ts";

let cwd: string;

beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-config-"));
  return () => rm(cwd, { recursive: true, force: true });
});

const write = (config: unknown, name = "mcp-optimizer.config.json"): Promise<void> =>
  writeFile(path.join(cwd, name), typeof config === "string" ? config : JSON.stringify(config));

const load = (flags: Record<string, string | boolean | string[]> = {}, env: ConfigInput["env"] = {}) =>
  loadConfig({ flags: new Map(Object.entries(flags)), env, cwd });

describe("the configuration", () => {
  test("comes from flags, else from the environment, else from the file", async () => {
    await write({ port: 1, host: "127.0.0.1", origins: ["https://file.example"], drainMs: 1 });
    const env = { MCP_OPTIMIZER_PORT: "2", MCP_OPTIMIZER_ORIGINS: "https://a.example, https://b.example" };
    expect(await load({ port: "3" }, env)).toMatchObject({
      port: 3,
      host: "127.0.0.1",
      origins: ["https://a.example", "https://b.example"],
      drainMs: 1,
      file: path.join(cwd, "mcp-optimizer.config.json"),
    });
    expect(await load({ origin: ["https://flag.example"] }, env)).toMatchObject({
      port: 2,
      origins: ["https://flag.example"],
    });
    expect(await load({}, { MCP_OPTIMIZER_PORT: "" })).toMatchObject({ port: 1 });
  });

  test("needs no file, unless one is named", async () => {
    expect(await load()).toEqual({ file: undefined });
    await expect(load({ config: "other.json" })).rejects.toMatchObject({ code: 400, kind: "invalid_config" });
    await write({ port: 5 }, "other.json");
    expect(await load({ config: "other.json" })).toMatchObject({ port: 5 });
    expect(await load({}, { MCP_OPTIMIZER_CONFIG: "other.json" })).toMatchObject({ port: 5 });
  });

  test("allows weak sandboxes by name only", async () => {
    expect((await load({ sandbox: ["basic"] })).leastStrength).toBe("none");
    expect((await load({ sandbox: ["basic"], "least-strength": "kernel" })).leastStrength).toBe("kernel");
    await write({ sandboxes: ["basic"], leastStrength: "container" });
    expect((await load()).leastStrength).toBe("container");
  });

  test("puts variables of the environment into headers, and nowhere else", async () => {
    const url = "https://a.example/${KEY}";
    await write({
      servers: { a: { url, headers: { authorization: "Bearer ${KEY}" } }, b: "https://b.example" },
    });
    expect((await load({}, { KEY: "k" })).servers).toEqual({
      a: { url, headers: { authorization: "Bearer k" } },
      b: "https://b.example",
    });
    await expect(load()).rejects.toMatchObject({
      kind: "invalid_config",
      message: expect.stringContaining("KEY"),
    });
  });

  test("puts them into what leads to Redis, and tells no address that is none", async () => {
    await write({ redis: { url: "${WHERE}", username: "host", password: "${SECRET}", prefix: "acme" } });
    const env = { WHERE: "rediss://:p@redis.internal:6379/2", SECRET: "s/#${x}" };
    expect((await load({}, env)).redis).toEqual({
      url: "rediss://:p@redis.internal:6379/2",
      username: "host",
      password: "s/#${x}",
      prefix: "acme",
    });
    await expect(load({}, { WHERE: env.WHERE })).rejects.toMatchObject({
      kind: "invalid_config",
      message: expect.stringContaining("SECRET"),
    });
    for (const WHERE of ["http://:hunter2@redis.internal", "hunter2", ""]) {
      await expect(load({}, { ...env, WHERE })).rejects.toMatchObject({
        code: 400,
        kind: "invalid_config",
        message: expect.not.stringContaining("hunter2"),
      });
    }
  });

  test.for([
    ["{", "no JSON"],
    [[], "object"],
    [{ prot: 1 }, "prot"],
    [{ port: "1" }, "port"],
    [{ port: 70_000 }, "port"],
    [{ servers: { a: { headers: {} } } }, "url"],
    [{ redis: { prefix: "x" } }, "url"],
    [{ redis: { url: "redis://localhost", prefix: "{x}" } }, "prefix"],
    [{ tokens: [{ token: "secret" }] }, "token"],
    [{ policy: { grants: { "*": "maybe" } } }, "grants"],
  ] as const)("is refused with the place of the mistake: %j", async ([config, place]) => {
    await write(config);
    await expect(load()).rejects.toMatchObject({
      code: 400,
      kind: "invalid_config",
      message: expect.stringContaining(place),
    });
  });

  test.for([
    [{ port: "x" }, {}, "--port"],
    [{}, { MCP_OPTIMIZER_PORT: "-1" }, "MCP_OPTIMIZER_PORT"],
    [{}, { MCP_OPTIMIZER_PUBLIC: "yes" }, "MCP_OPTIMIZER_PUBLIC"],
    [{ "least-strength": "huge" }, {}, "--least-strength"],
  ] as const)("names the setting that makes no sense: %j %j", async ([flags, env, name]) => {
    await expect(load(flags, env)).rejects.toMatchObject({
      code: 400,
      kind: "invalid_options",
      message: expect.stringContaining(name),
    });
  });
});
