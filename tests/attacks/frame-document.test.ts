// The attacker wants to be the frame, to speak for it, to take it elsewhere, or to use what a document
// can and a worker cannot.

import { describe, expect, test } from "vitest";
import { SandboxFrame } from "../../src/sandbox/browser/frame.ts";
import frameHtml from "../../src/sandbox/browser/frame-document.ts?frame";
import type { Differences } from "../suites/differences.ts";
import { skipWhere } from "../suites/skips.ts";
import { openCanary, openUdpCanary } from "./setup/canary.ts";
import { hostileSource, openHostileTarget } from "./setup/hostile-worker.ts";
import { benignValue, endOf, openTarget } from "./setup/target.ts";

const findFrame = (): HTMLIFrameElement | undefined =>
  [...document.querySelectorAll("iframe")].find(({ title }) => title === "MCP Optimizer sandbox");

const assets = async () => ({ source: hostileSource("done(1)"), modules: {}, files: {} });

/** Loads a document in a frame of its own and waits for what it says. */
async function askFrame(html: string, sandbox = "allow-scripts"): Promise<unknown> {
  const iframe = document.createElement("iframe");
  iframe.setAttribute("sandbox", sandbox);
  iframe.srcdoc = html;
  const answer = Promise.withResolvers<unknown>();
  const hear = ({ source, data }: MessageEvent<unknown>): void => {
    if (source === iframe.contentWindow) answer.resolve(data);
  };
  addEventListener("message", hear);
  document.body.append(iframe);
  try {
    return await answer.promise;
  } finally {
    removeEventListener("message", hear);
    iframe.remove();
  }
}

describe("the frame on the page", () => {
  test("may run scripts and nothing else, in an origin of its own", async () => {
    await using frame = new SandboxFrame();
    const worker = await frame.spawn("plain", assets);
    const iframe = findFrame();
    expect(iframe?.getAttribute("sandbox")).toBe("allow-scripts");
    expect(iframe?.getAttribute("allow")).toBeNull();
    expect(iframe?.contentDocument).toBeNull();
    expect(() => iframe?.contentWindow?.document).toThrow();
    worker.kill();
  });

  test("has one script, by its hash, and no way out in its policy", () => {
    const policy = /content="([^"]+)"/.exec(frameHtml)?.[1] ?? "";
    const directives = new Map(
      policy.split("; ").map((part) => [part.split(" ")[0], part.split(" ").slice(1).join(" ")]),
    );
    expect(new Set(directives.keys())).toEqual(
      new Set(["base-uri", "connect-src", "default-src", "form-action", "script-src", "worker-src"]),
    );
    expect(directives.get("default-src")).toBe("'none'");
    expect(directives.get("connect-src")).toBe("'none'");
    expect(directives.get("form-action")).toBe("'none'");
    expect(directives.get("worker-src")).toBe("blob:");
    expect(directives.get("script-src")).toMatch(/^'sha256-[\w+/=]+' 'wasm-unsafe-eval'$/);
    expect(frameHtml.match(/<script/g)).toHaveLength(1);
    expect(frameHtml.indexOf("Content-Security-Policy")).toBeLessThan(frameHtml.indexOf("<script"));
  });

  test("says that a wall is missing, and then nothing runs", async () => {
    // The same document without its policy, and with the page's origin.
    const open = frameHtml.replace(/<meta http-equiv[^>]+>/, "");
    expect(await askFrame(frameHtml)).toMatchObject({ sandbox: "ready" });
    expect(await askFrame(frameHtml)).not.toMatchObject({ problem: expect.any(String) });
    expect(await askFrame(open)).toMatchObject({
      problem: expect.stringContaining("policy is not in force"),
    });
    expect(await askFrame(frameHtml, "allow-scripts allow-same-origin")).toMatchObject({
      problem: expect.stringContaining("origin"),
    });
    await using frame = new SandboxFrame({
      url: URL.createObjectURL(new Blob([open], { type: "text/html" })),
    });
    await expect(frame.spawn("plain", assets)).rejects.toMatchObject({
      code: 500,
      kind: "sandbox_unavailable",
    });
    expect(findFrame()).toBeUndefined();
  });
});

describe("a document that is not ours", () => {
  const ONE_PROCESS = "Frame and page share a thread here: a frame's document that spins holds the page.";
  const documents: readonly (readonly [name: string, html: string, differs?: Differences])[] = [
    ["says nothing", "<p>404"],
    ["says something else", '<script>parent.postMessage({ sandbox: "open" }, "*")</script>'],
    ["says it is ready, and nothing more", '<script>parent.postMessage({ sandbox: "ready" }, "*")</script>'],
    [
      "answers with nonsense",
      '<script>addEventListener("message", (e) => { const p = e.ports[0]; p.onmessage = () => p.postMessage({ id: 1, type: "RAW", value: {} }); p.start(); }); parent.postMessage({ sandbox: "ready" }, "*")</script>',
    ],
    [
      "claims a problem of its own words",
      '<script>parent.postMessage({ sandbox: "ready", problem: "<img src=x onerror=alert(1)>" }, "*")</script>',
    ],
    ["spins", "<script>for (;;);</script>", { firefox: ONE_PROCESS, webkit: ONE_PROCESS }],
  ];
  test.for(documents)("%s: nothing runs, and the page is told", async ([, html, differs = {}], context) => {
    skipWhere(differs, context);
    const url = URL.createObjectURL(new Blob([html], { type: "text/html" }));
    await using frame = new SandboxFrame({ url, bootTimeoutMs: 700 });
    await expect(frame.spawn("plain", assets)).rejects.toMatchObject({
      code: 500,
      kind: "sandbox_unavailable",
    });
    expect(findFrame()).toBeUndefined();
  });

  test("cannot be an address of script in the page", async () => {
    await using frame = new SandboxFrame({ url: "javascript:parent.pwned=1", bootTimeoutMs: 500 });
    await expect(frame.spawn("plain", assets)).rejects.toMatchObject({ kind: "sandbox_unavailable" });
    expect(Reflect.get(globalThis, "pwned")).toBeUndefined();
  });
});

describe("a window that speaks for the frame", () => {
  test("is not heard: neither the page itself nor another frame", async () => {
    const silent = URL.createObjectURL(new Blob(["<p>silent"], { type: "text/html" }));
    await using frame = new SandboxFrame({ url: silent, bootTimeoutMs: 1_000 });
    const spawning = frame.spawn("plain", assets);
    const spoof = askFrame('<script>parent.postMessage({ sandbox: "ready" }, "*")</script>');
    postMessage({ sandbox: "ready" }, "*");
    expect(await spoof).toEqual({ sandbox: "ready" });
    await expect(spawning).rejects.toThrow("no answer within 1000 ms");
  });
});

describe("a frame that is taken elsewhere", () => {
  test("is closed, what ran in it ends at once, and the next run works", async () => {
    await using target = await openTarget();
    const running = target.run("await tools.page.slow({})", {
      onEvent: ({ type }) => {
        const iframe = findFrame();
        if (type === "tool_call" && iframe !== undefined) iframe.srcdoc = "<p>elsewhere";
      },
    });
    expect(endOf(await running)).toBe("stopped/crashed 500");
    expect(target.calls.every(({ signal }) => signal.aborted)).toBe(true);
    expect(await benignValue(target)).toBe(42);
  });

  test("as is one that vanishes", async () => {
    await using target = await openTarget();
    const running = target.run("await tools.page.slow({})", {
      limits: { toolWaitMs: 20_000 },
      onEvent: ({ type }) => {
        if (type === "tool_call") findFrame()?.remove();
      },
    });
    expect(endOf(await running)).toBe("stopped/crashed 500");
    expect(await benignValue(target)).toBe(42);
  });
});

describe("what only a document can do", () => {
  test("a compromised worker cannot: no window, no navigation, no WebRTC", async (context) => {
    skipWhere({ webkit: "WebKitGTK 2.50 has no WebRTC, so that the control has nothing to show." }, context);
    await using target = await openHostileTarget();
    const canary = openCanary();
    const udp = await openUdpCanary();
    const before = location.href;
    const attempts = [
      `location = "${canary.http}location"`,
      `location.href = "${canary.http}href"`,
      `self.location.replace("${canary.http}replace")`,
      `open("${canary.http}open")`,
      `parent.location = "${canary.http}parent"`,
      `top.location = "${canary.http}top"`,
      `document.location = "${canary.http}document"`,
      `new RTCPeerConnection({ iceServers: [{ urls: "stun:127.0.0.1:${udp.port}" }] })`,
      `new Image().src = "${canary.http}image"`,
      `postMessage({ sandbox: "ready" }, "*")`,
      `clients.openWindow("${canary.http}clients")`,
      `print()`,
      `alert(1)`,
    ];
    const code = attempts
      .slice(0, -4)
      .concat(attempts.slice(-2))
      .map((attempt) => `try { ${attempt}; out.push("done"); } catch (e) { out.push(e.name); }`)
      .join("\n");
    target.attack(hostileSource(`const out = []; ${code}; done(out)`));
    const result = await target.run("0");
    // Assigning to the worker's own `location` does nothing; the rest has no name there.
    const refused =
      result.status === "returned" ? (result.value as string[]).filter((end) => end !== "done") : [];
    expect(refused.length).toBeGreaterThanOrEqual(attempts.length - 4);
    expect(location.href).toBe(before);
    // Control: a frame's document does all of it, even under the same policy: so no guest may ever run there.
    const control = openCanary();
    const policy =
      /<meta http-equiv[^>]+>/.exec(frameHtml)?.[0].replace(/'sha256-[^']+'/, "'unsafe-inline'") ?? "";
    const leaking = document.createElement("iframe");
    leaking.setAttribute("sandbox", "allow-scripts");
    leaking.srcdoc = `${policy}<script>(async () => {
      const peer = new RTCPeerConnection({ iceServers: [{ urls: "stun:127.0.0.1:${udp.port}" }] });
      peer.createDataChannel("x");
      await peer.setLocalDescription(await peer.createOffer());
      setTimeout(() => { location = "${control.http}location"; }, 500);
    })()</script>`;
    const datagramsBefore = await udp.count(false);
    expect(datagramsBefore).toBe(0);
    document.body.append(leaking);
    expect(await control.hits("location")).toContain("location");
    expect(await udp.count(true)).toBeGreaterThan(0);
    leaking.remove();
    expect(await canary.hits()).toEqual([]);
    expect(await benignValue(target)).toBe(42);
  });
});
