import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { findFreePort } from "../../demo/servers/loopback.ts";
import { basic } from "../../src/host/sandbox/basic.ts";
import { remote } from "../../src/remote.ts";
import { resolveLimits } from "../../src/sandbox/limits.ts";
import type { RunOutcome, Sandbox } from "../../src/sandbox/sandbox.ts";
import { EVERY_CASE } from "../suites/every-case.ts";
import { type RecordingPort, recordingPort } from "../suites/recording-port.ts";
import { sandboxSuite } from "../suites/sandbox-suite.ts";
import { type OpenHost, openHost } from "./setup/open-host.ts";
import { startProxy } from "./setup/tcp-proxy.ts";

let host: OpenHost;

beforeAll(async () => {
  const sandboxes = [basic({ iKnowThatThisIsNoSandbox: true })];
  const admission = { maxRunsPerTenant: 40, requestsPerMinute: 100_000 };
  host = await openHost({ sandboxes, leastStrength: "none", admission });
});
afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

function run(
  sandbox: Sandbox,
  code: string,
  { port = recordingPort(), timeoutMs = 20_000 }: { port?: RecordingPort; timeoutMs?: number } = {},
): Promise<RunOutcome> {
  return sandbox
    .open("session", resolveLimits({ timeoutMs }))
    .run({ language: "javascript", code, inputs: "{}" }, port, new AbortController().signal);
}

sandboxSuite("remote() over a host with basic()", {
  createSandbox: () => remote({ url: host.url, token: host.token }),
  languages: ["javascript", "typescript", "python"],
  languageCases: EVERY_CASE,
  skips: {
    "has no way out of the sandbox among its globals": "The host's sandbox is none, and says so.",
    "keeps nothing of one Python program for the next": "The host's sandbox is none: files are shared.",
    "tells the memory that Python used, and when it gets scarce": "The host alone knows how much there is.",
    "lets files and pipes hold no more than its memory": "The host's sandbox does not limit the disk.",
  },
});

describe("remote()", () => {
  test("says what it borrowed, once it is connected", async () => {
    await using sandbox = remote({ url: host.url, token: host.token });
    expect(sandbox.traits.name).toBe("remote");
    await sandbox.prepare();
    expect(sandbox.traits).toMatchObject({
      name: "remote basic",
      languages: expect.arrayContaining(["python"]),
    });
  });

  test("has its calls answered here", async () => {
    await using sandbox = remote({ url: host.url, token: host.token });
    const port = recordingPort(({ args }) => ({ ok: true, json: String(JSON.parse(args).n * 2) }));
    expect(await run(sandbox, "return await tools.srv.double({ n: 21 })", { port })).toMatchObject({
      status: "returned",
      json: "42",
    });
    expect(port.calls).toMatchObject([{ operation: "tool", target: "srv.double" }]);
  });

  test.for([
    ["a wrong token", { token: "mcpo_wrong" }],
    ["nobody there", { url: "http://127.0.0.1:1" }],
  ] as const)("%s: it says what to look at", async ([, options]) => {
    await using sandbox = remote({ url: host.url, token: host.token, ...options });
    await expect(run(sandbox, "return 1")).rejects.toMatchObject({
      code: 500,
      kind: "host_unreachable",
      hint: expect.stringContaining("token"),
    });
  });

  test("a host that is full refuses, and takes the next program", async () => {
    await using full = await openHost({
      sandboxes: [basic({ iKnowThatThisIsNoSandbox: true })],
      leastStrength: "none",
      admission: { maxRunsPerTenant: 1 },
    });
    await using sandbox = remote({ url: full.url, token: full.token });
    const answer = Promise.withResolvers<void>();
    const port = recordingPort(async () => {
      await answer.promise;
      return { ok: true, json: "1" };
    });
    const first = run(sandbox, "return await tools.srv.wait({})", { port });
    await port.called(1);
    await expect(run(sandbox, "return 2")).rejects.toMatchObject({ code: 429, kind: "too_many_runs" });
    answer.resolve();
    expect(await first).toMatchObject({ json: "1" });
    expect(await run(sandbox, "return 3")).toMatchObject({ json: "3" });
  });

  describe("over a connection that breaks", () => {
    const code = `
      let sum = 0;
      for (let n = 1; n <= 4; n += 1) { console.log("call", n); sum += await tools.srv.echo({ n }); }
      return sum`;

    test.for([1, 2, 3, 4])("at call %i: the program goes on, and nothing happens twice", async (at) => {
      const free = await findFreePort();
      await using proxy = await startProxy(free);
      await using own = await openHost({
        sandboxes: [basic({ iKnowThatThisIsNoSandbox: true })],
        leastStrength: "none",
        port: free,
        hostnames: [`127.0.0.1:${proxy.port}`],
      });
      await using sandbox = remote({ url: `http://127.0.0.1:${proxy.port}`, token: own.token });
      let cuts = 0;
      const port = recordingPort(async ({ args }) => {
        const { n } = JSON.parse(args);
        if (n === at) {
          // The next piece, in whichever direction, is lost with its connection.
          proxy.watch = async () => {
            proxy.watch = async () => true;
            cuts += 1;
            return false;
          };
        }
        await new Promise((resolve) => setTimeout(resolve, at % 2 === 0 ? 0 : 50));
        return { ok: true, json: String(n) };
      });
      expect(await run(sandbox, code, { port })).toMatchObject({ status: "returned", json: "10" });
      expect(port.calls.map(({ args }) => args)).toEqual([1, 2, 3, 4].map((n) => `{"n":${n}}`));
      expect(port.logs.map(({ text }) => text)).toEqual([1, 2, 3, 4].map((n) => `call ${n}`));
      expect(cuts).toBe(1);
      expect(await run(sandbox, "return 1")).toMatchObject({ json: "1" });
    });

    test("for good: the run is over, once, and the next one says why it can't begin", async () => {
      const own = await openHost({
        sandboxes: [basic({ iKnowThatThisIsNoSandbox: true })],
        leastStrength: "none",
      });
      await using sandbox = remote({ url: own.url, token: own.token, reconnectMs: 500 });
      const port = recordingPort(() => new Promise(() => {}));
      const running = run(sandbox, "await tools.srv.never({})", { port });
      await port.called(1);
      await own[Symbol.asyncDispose]();
      expect(await running).toMatchObject({ status: "stopped", reason: "crashed" });
      await expect(run(sandbox, "return 1")).rejects.toMatchObject({ kind: "host_unreachable" });
    });
  });

  describe("a page that does not keep to the protocol", () => {
    const speak = async (frames: readonly unknown[], token = host.token): Promise<readonly string[]> => {
      const socket = new WebSocket(`${host.url.replace("http", "ws")}/v1/sandbox`, [
        "mcp-optimizer",
        `bearer.${token}`,
      ]);
      const heard: string[] = [];
      socket.on("message", (data) => heard.push(Buffer.isBuffer(data) ? data.toString() : ""));
      socket.on("open", () => {
        for (const frame of frames) socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
      });
      await new Promise((resolve) => {
        socket.on("close", resolve);
        socket.on("error", (error) => heard.push(error.message));
      });
      return heard;
    };
    const hello = { type: "hello", protocol: 2 };

    test("is told which version is spoken", async () => {
      const [answer = ""] = await speak([{ ...hello, protocol: 1 }]);
      expect(JSON.parse(answer)).toMatchObject({
        type: "refused",
        error: {
          code: 400,
          kind: "unsupported_protocol",
          message: "The host speaks version 2 of the remote sandbox, the page 1.",
        },
      });
    });

    test("does not get at the link of another", async () => {
      const [answer = ""] = await speak([{ ...hello, resume: { link: crypto.randomUUID(), received: 0 } }]);
      expect(JSON.parse(answer)).toMatchObject({
        type: "refused",
        error: { code: 400, kind: "unknown_link" },
      });
    });

    test.for([
      ["no frame", "{"],
      ["a frame out of its turn", { number: 7, frame: { type: "close", channel: 1 } }],
      ["an unknown frame", { number: 1, frame: { type: "constructor", channel: 1 } }],
      ["an acknowledgement of what was not sent", { received: 99 }],
      ["a frame that is deep", `{"number":1,"frame":${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
    ] as const)("%s: it is cut off, and the host goes on", async ([, frame]) => {
      const heard = await speak([hello, frame]);
      expect(heard.map((text) => JSON.parse(text).type)).toEqual(["welcome"]);
      await using sandbox = remote({ url: host.url, token: host.token });
      expect(await run(sandbox, "return 1")).toMatchObject({ json: "1" });
    });

    test("gets no program started with limits that make no sense", async () => {
      const open = { type: "open", channel: 1, session: "s", broker: "page", limits: { timeoutMs: 1e12 } };
      const [, answer = ""] = await speak([hello, { number: 1, frame: open }, "{"]);
      expect(JSON.parse(answer).frame).toMatchObject({ type: "refused", error: { kind: "invalid_limits" } });
    });

    test("without a token gets no socket", async () => {
      expect(await speak([hello], "mcpo_wrong")).toEqual([expect.stringContaining("403")]);
    });
  });
});

describe("a host that does not keep to the protocol", () => {
  /** Says what the test says, to whoever connects. */
  async function lie(answers: readonly unknown[]) {
    const server = new WebSocketServer({
      port: 0,
      host: "127.0.0.1",
      handleProtocols: () => "mcp-optimizer",
    });
    await new Promise((resolve) => server.once("listening", resolve));
    server.on("connection", (socket) => {
      let said = 0;
      socket.on("message", () => {
        // One answer to each frame; the rest with the last.
        const rest = said === 2 ? answers.slice(said) : answers.slice(said, said + 1);
        said += 1;
        for (const answer of rest) socket.send(typeof answer === "string" ? answer : JSON.stringify(answer));
      });
    });
    const address = server.address();
    if (typeof address !== "object" || address === null) throw new Error("The server has no port.");
    return {
      url: `http://127.0.0.1:${address.port}`,
      [Symbol.dispose]() {
        for (const socket of server.clients) socket.terminate();
        server.close();
      },
    };
  }
  const welcome = {
    type: "welcome",
    link: "x",
    received: 0,
    graceMs: 1,
    sandbox: { name: "liar", strength: "vm", languages: ["javascript"] },
  };
  const opened = { number: 1, frame: { type: "opened", channel: 1 } };
  const message = (content: object): unknown => ({
    number: 2,
    frame: { type: "message", channel: 1, message: JSON.stringify({ run: "r1", ...content }) },
  });
  const answered = { number: 2, frame: { type: "answered", channel: 1, call: 1 } };
  const call = { id: 1, operation: "tool", target: "srv.secret", args: "{}" };

  test.for([
    ["a frame that is none", [welcome, opened, "{"], "security"],
    ["a frame out of its turn", [welcome, opened, { number: 9, frame: {} }], "security"],
    ["a message of the runtime that is none", [welcome, opened, message({ type: "x" })], "security"],
    [
      "a message for another run",
      [welcome, opened, message({ type: "turn", run: "r2", idle: false, calls: [call], logs: [] })],
      "security",
    ],
    ["an answer to a call that the host was not asked", [welcome, opened, answered], "security"],
    [
      "a call twice",
      [welcome, opened, message({ type: "turn", idle: false, calls: [call, call], logs: [] })],
      "security",
    ],
  ] as const)("%s: the program is over, the page goes on", async ([, answers, reason]) => {
    using liar = await lie(answers);
    await using sandbox = remote({ url: liar.url, token: "t" });
    const port = recordingPort(() => new Promise(() => {}));
    expect(await run(sandbox, "return 1", { port })).toMatchObject({ status: "stopped", reason });
  });

  test("of another version is told as such", async () => {
    const error = { code: 400, kind: "unsupported_protocol", message: "The host speaks version 1." };
    using old = await lie([{ type: "refused", error }]);
    await using sandbox = remote({ url: old.url, token: "t" });
    await expect(run(sandbox, "return 1")).rejects.toMatchObject(error);
  });

  test("an answer that is no welcome is told as such", async () => {
    using liar = await lie([{ type: "hello" }]);
    await using sandbox = remote({ url: liar.url, token: "t" });
    await expect(run(sandbox, "return 1")).rejects.toMatchObject({ code: 403, kind: "protocol_violation" });
  });
});
