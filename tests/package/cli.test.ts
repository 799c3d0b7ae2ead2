import type { ChildProcess } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startErrorsServer } from "../../demo/servers/errors-server.ts";
import type { RunningServer } from "../../demo/servers/loopback.ts";
import { CONFIG_SCHEMA } from "../../src/cli/config-schema.ts";
import { VERSION } from "../../src/version.ts";
import { skipAllWithoutRedis, startRedis } from "../host/setup/redis-server.ts";
import {
  CLI,
  type EndedCommand,
  PATIENT,
  postRun,
  type StartedCommand,
  serveCommand,
  startCommand,
} from "./command-process.ts";

let errors: RunningServer;
let folder: string;

beforeAll(async () => {
  errors = await startErrorsServer({ port: 0, records: 100 });
});

afterAll(() => errors.close());

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-cli-"));
  await configure({ servers: { errors: errors.url }, sandboxes: ["basic"], port: 0 });
  return () => rm(folder, { recursive: true, force: true });
});

const configure = (config: object): Promise<void> =>
  writeFile(path.join(folder, "mcp-optimizer.config.json"), JSON.stringify(config));

const start = (
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  options: readonly string[] = [],
): StartedCommand => startCommand(args, { folder, env, options });

async function invoke(
  args: readonly string[],
  input = "",
  env: Readonly<Record<string, string>> = {},
): Promise<EndedCommand> {
  const { child, ended } = start(args, env);
  child.stdin.end(input);
  return ended;
}

describe("run", () => {
  test("prints the value alone, in JSON, and what the program says beside it", async () => {
    const code =
      'console.log("listing"); return (await tools.errors.list_errors({ limit: 2 })).errors.map((one) => one.id)';
    expect(await invoke(["run", "-"], code)).toEqual({
      code: 0,
      out: '[\n  "ERR-00001",\n  "ERR-00002"\n]\n',
      err: "listing\n",
    });
    await writeFile(path.join(folder, "sum.py"), "sum(inputs['numbers'])\n");
    const args = ["run", "sum.py", "--inputs", '{"numbers":[1,2,3]}'];
    expect(await invoke(args)).toEqual({ code: 0, out: "6\n", err: "" });
    const { out } = await invoke(["run", "--json", "-"], "return 1");
    expect(JSON.parse(out)).toMatchObject({ status: "returned", value: 1, toolCalls: [] });
  });

  test("ends with a code that says what happened", async () => {
    expect(await invoke(["run", "-"], "\nthrow new RangeError('far')")).toEqual({
      code: 1,
      out: "",
      err: "error RangeError: far (line 2)\n",
    });
    expect(await invoke(["run", "missing.ts"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("missing.ts"),
    });
    expect(await invoke(["run", "-", "--inputs", "{"], "1")).toMatchObject({ code: 2 });
    await configure({
      servers: { errors: errors.url },
      sandboxes: ["basic"],
      policy: { grants: { "*": "ask" } },
    });
    const asks = await invoke(["run", "-"], "return await tools.errors.list_errors({})");
    expect([1, 4]).toContain(asks.code);
    await configure({ sandboxes: ["basic"], leastStrength: "vm" });
    expect(await invoke(["run", "-"], "return 1")).toMatchObject({
      code: 3,
      err: expect.stringContaining("basic: its strength is none, at least vm is asked for"),
    });
    await configure({ sandboxes: ["cellar"] });
    expect(await invoke(["run", "-"], "return 1")).toMatchObject({
      code: 2,
      err: expect.stringContaining("cellar"),
    });
  });

  test("ends a program when it is interrupted", async () => {
    const { child, printed, ended } = start(["run", "-"]);
    child.stdin.end("console.log('here'); for (;;) await new Promise((go) => setTimeout(go, 10))");
    await expect.poll(() => printed.err, PATIENT).toContain("here");
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ code: 130, out: "" });
  });
});

describe("what tells of tools", () => {
  test("search, describe and manifest", async () => {
    const found = await invoke(["search", "fix", "an", "error", "--limit", "1"]);
    expect(found.code).toBe(0);
    expect(found.out).toMatch(/^errors\.fix_error\(id, strategy, dryRun\?\) - .*\n$/);
    expect((await invoke(["describe", "errors.fix_error"])).out).toContain("function fix_error(");
    expect((await invoke(["describe", "errors.fix_error", "--language", "python"])).out).toContain(
      "fix_error",
    );
    expect(await invoke(["describe", "errors.nothing"])).toMatchObject({ code: 2 });
    const { out } = await invoke(["manifest"]);
    expect(JSON.parse(out)).toMatchObject({
      manifest: { servers: { errors: 3 }, capabilities: { backends: ["basic"] } },
      tool: { name: "run_code" },
    });
  });

  test("says which server can't be used", async () => {
    await configure({ servers: { down: "http://127.0.0.1:1/mcp" } });
    const { code, err } = await invoke(["search", "anything"]);
    expect(code).toBe(1);
    expect(err).toContain("warning down: ");
  });
});

test("doctor says what it tried, for people and for programs", async () => {
  const table = await invoke(["doctor"]);
  expect(table.code).toBe(0);
  expect(table.out).toMatch(/\nbasic +none +javascript typescript python +usable\n/);
  const { out } = await invoke(["doctor", "--json"]);
  expect(JSON.parse(out)).toMatchObject({ version: VERSION, sandboxes: [{ name: "basic", usable: true }] });
  expect(await invoke(["doctor", "--least-strength", "vm"])).toMatchObject({ code: 3 });
});

describe("serve", () => {
  const ready = /Ready: http:\/\/127\.0\.0\.1:(\d+)\/#token=(mcpo_[\w-]{43})\n/;
  const open: ChildProcess[] = [];

  async function serve(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
    const host = await serveCommand(args, { folder, env });
    open.push(host.child);
    return host;
  }

  test("makes a token at its first start, shows it once, and keeps its digest for this user alone", async () => {
    const first = await serve();
    await expect.poll(() => first.printed.out, PATIENT).toMatch(ready);
    const [, port, token = ""] = ready.exec(first.printed.out) ?? [];
    expect(first.url).toBe(`http://127.0.0.1:${port}`);
    expect((await postRun(first.url, token, "return 1")).status).toBe(200);
    expect((await postRun(first.url, "mcpo_x", "return 1")).status).toBe(401);
    const file = path.join(folder, "config", "mcp-optimizer", "tokens.json");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(path.dirname(file))).mode & 0o777).toBe(0o700);
    expect(await readFile(file, "utf8")).not.toContain(token);
    first.child.kill("SIGTERM");
    expect(await first.ended).toMatchObject({ code: 0 });

    const second = await serve();
    expect(second.printed.out).not.toContain("#token");
    expect((await postRun(second.url, token, "return 1")).status).toBe(200);
    second.child.kill("SIGTERM");
    await second.ended;

    await chmod(file, 0o644);
    expect(await invoke(["serve"])).toMatchObject({ code: 1, err: expect.stringContaining("chmod 600") });
  });

  test("takes tokens of the command line and of the environment", async () => {
    const made = await invoke(["token", "--tenant", "one", "--scope", "metrics"]);
    expect(made.out).toMatch(/^mcpo_[\w-]{43}\n$/);
    const host = await serve();
    const metrics = (token: string): Promise<Response> =>
      fetch(`${host.url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
    expect((await metrics(made.out.trim())).status).toBe(200);
    expect((await postRun(host.url, made.out.trim(), "return 1")).status).toBe(403);
    host.child.kill("SIGTERM");
    await host.ended;
    expect(await invoke(["token", "--scope", "everything"])).toMatchObject({ code: 2 });

    const other = await serve([], { MCP_OPTIMIZER_TOKEN: "a token of the operator's own" });
    expect((await postRun(other.url, "a token of the operator's own", "return 1")).status).toBe(401);
    other.child.kill("SIGTERM");
    await other.ended;
    const third = await serve([], { MCP_OPTIMIZER_TOKEN: "a-token-of-the-operators-own" });
    expect((await postRun(third.url, "a-token-of-the-operators-own", "return 1")).status).toBe(200);
    expect((await postRun(third.url, made.out.trim(), "return 1")).status).toBe(401);
    third.child.kill("SIGTERM");
    await third.ended;
  });

  test("lets a run end after SIGTERM; a second one ends at once", async () => {
    const host = await serve();
    await expect.poll(() => host.printed.out, PATIENT).toMatch(ready);
    const token = ready.exec(host.printed.out)?.[2] ?? "";
    const slow = await postRun(
      host.url,
      token,
      "await new Promise((go) => setTimeout(go, 1500)); return 'done'",
    );
    host.child.kill("SIGTERM");
    await expect.poll(() => host.printed.err, PATIENT).toContain("Ending");
    expect((await postRun(host.url, token, "return 1")).status).toBe(503);
    expect(await slow.text()).toContain('"value":"done"');
    expect(await host.ended).toMatchObject({ code: 0 });

    const other = await serve();
    const endless = await postRun(other.url, token, "for (;;) await new Promise((go) => setTimeout(go, 10))");
    const body = endless.text().catch(() => "cut off");
    other.child.kill("SIGTERM");
    await expect.poll(() => other.printed.err, PATIENT).toContain("Ending");
    other.child.kill("SIGTERM");
    expect(await other.ended).toMatchObject({ code: 130 });
    await body;
  });

  describe("over a Redis of the configuration", () => {
    skipAllWithoutRedis();
    const token = "a-token-of-the-operators-own";
    const env = { MCP_OPTIMIZER_TOKEN: token, REDIS_PASSWORD: "s3cret/#@" };
    const configureRedis = (url: string): Promise<void> =>
      configure({
        sandboxes: ["basic"],
        port: 0,
        redis: { url, password: "${REDIS_PASSWORD}", prefix: "cli-test" },
      });

    test("keeps sessions for the next host, and says how safely", async () => {
      await using server = await startRedis(["--requirepass", env.REDIS_PASSWORD]);
      await configureRedis(server.url);
      const first = await serve([], env);
      await expect
        .poll(() => first.printed.out, PATIENT)
        .toContain("Redis answers; what it keeps is durable.");
      await (await postRun(first.url, token, "await context.set('kept', 41)")).text();
      first.child.kill("SIGTERM");
      expect(await first.ended).toMatchObject({ code: 0 });

      const second = await serve([], env);
      const answer = await postRun(second.url, token, "return (await context.get('kept')) + 1");
      expect(await answer.text()).toContain('"value":42');
      await server.kill();
      const refused = await postRun(second.url, token, "return await context.get('kept')");
      expect(await refused.text()).toContain("storage_unavailable");
      second.child.kill("SIGTERM");
      const { out, err } = await second.ended;
      expect(out + err).not.toContain(env.REDIS_PASSWORD);
    });

    test("starts while it is away, says so, and never with one that forgets", async () => {
      await using server = await startRedis(["--requirepass", env.REDIS_PASSWORD]);
      await configureRedis(server.url);
      await server.kill();
      const host = await serve([], env);
      await expect.poll(() => host.printed.err, PATIENT).toContain("Redis can't be used now (ECONNREFUSED)");
      await server.restart();
      const kept = async (): Promise<string> =>
        (await postRun(host.url, token, "return (await context.keys()).length")).text();
      await expect.poll(kept, PATIENT).toContain('"value":0');
      host.child.kill("SIGTERM");
      await host.ended;

      await using forgetful = await startRedis([
        ...["--requirepass", env.REDIS_PASSWORD],
        ...["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"],
      ]);
      await configureRedis(forgetful.url);
      expect(await invoke(["serve"], "", env)).toMatchObject({
        code: 1,
        err: expect.stringContaining("Set maxmemory-policy to noeviction."),
      });
    });

    test("is what doctor asks", async () => {
      await using server = await startRedis(["--requirepass", env.REDIS_PASSWORD]);
      await configureRedis(server.url);
      expect(await invoke(["doctor"], "", env)).toMatchObject({
        code: 0,
        out: expect.stringContaining("\nRedis answers; what it keeps is durable.\n"),
      });
      const wrong = await invoke(["doctor"], "", { REDIS_PASSWORD: "wrong" });
      expect(wrong).toMatchObject({ code: 1, out: expect.stringContaining("WRONGPASS") });
      await server.kill();
      const { code, out } = await invoke(["doctor", "--json"], "", env);
      expect(code).toBe(1);
      expect(JSON.parse(out).redis).toEqual({
        usable: false,
        kind: "storage_unavailable",
        reason: "Redis can't be used now (ECONNREFUSED).",
        hint: expect.any(String),
      });
      expect(await invoke(["doctor"])).toMatchObject({
        code: 2,
        err: expect.stringContaining("REDIS_PASSWORD"),
      });
    });
  });

  test("refuses what it can't do: a port that is taken, a public address, half a certificate", async () => {
    const host = await serve();
    const port = new URL(host.url).port;
    expect(await invoke(["serve", "--port", port])).toMatchObject({
      code: 2,
      err: expect.stringContaining("EADDRINUSE"),
    });
    host.child.kill("SIGTERM");
    await host.ended;
    expect(await invoke(["serve", "--host", "0.0.0.0"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("--public"),
    });
    expect(await invoke(["serve", "--tls-cert", "cert.pem"])).toMatchObject({ code: 2 });

    // A token that nobody was shown is not kept.
    const elsewhere = path.join(folder, "elsewhere");
    const env = { XDG_CONFIG_HOME: elsewhere };
    expect(await invoke(["serve", "--host", "0.0.0.0"], "", env)).toMatchObject({ code: 2 });
    await expect(stat(elsewhere)).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("the command line itself", () => {
  test("helps", async () => {
    const help = await invoke(["--help"]);
    expect(help).toMatchObject({ code: 0, err: "" });
    for (const command of ["serve", "doctor", "run", "search", "describe", "manifest", "token"])
      expect(help.out).toMatch(new RegExp(`^  ${command}\\b`, "m"));
    expect(help.out).toContain("Exit codes:");
    expect((await invoke(["serve", "--help"])).out).toContain("MCP_OPTIMIZER_PORT");
    expect(await invoke(["--version"])).toEqual({ code: 0, out: `${VERSION}\n`, err: "" });
    expect(await invoke(["sing"])).toMatchObject({ code: 2, out: "" });
    expect(await invoke(["serve", "--loud"])).toMatchObject({ code: 2, out: "" });
    expect(await invoke([])).toMatchObject({ code: 2 });
  });

  test("colours and moves nothing where nobody watches", async () => {
    const { out, err } = await invoke(["run", "-"], "await tools.errors.list_errors({}); throw 1");
    expect(out + err).not.toContain("\u001b");
    const coloured = await invoke(["run", "-"], "throw 1", { FORCE_COLOR: "1" });
    expect(coloured.err).not.toContain("\r");
  });

  test("says which Node it needs before it loads anything", async () => {
    const old = 'Object.defineProperty(process, "versions", { value: { node: "22.14.0" } })';
    const { child, ended } = start(["--version"], {}, [
      "--import",
      `data:text/javascript,${encodeURIComponent(old)}`,
    ]);
    child.stdin.end();
    expect(await ended).toEqual({
      code: 2,
      out: "",
      err: "mcp-optimizer needs Node 22.15 or newer; this is Node 22.14.0.\nInstall a newer one from https://nodejs.org.\n",
    });
  });
});

test("the published schema of the configuration is the one that checks it", async () => {
  const published = await readFile(path.join(path.dirname(CLI), "config.schema.json"), "utf8");
  expect(JSON.parse(published)).toEqual(CONFIG_SCHEMA);
});
