import { expect } from "vitest";
import { javascript, type SandboxCase } from "../sandbox-case.ts";

export const GLOBAL_CASES: readonly SandboxCase[] = [
  javascript("has timers", async ({ value }) => {
    const code = `
      const seen = [];
      setTimeout((text) => seen.push(text), 30, "late");
      setTimeout(() => seen.push("early"), 1);
      clearTimeout(setTimeout(() => seen.push("never"), 5));
      await new Promise((done) => setTimeout(done, 60));
      return seen`;
    expect(await value(code)).toEqual(["early", "late"]);
  }),
  javascript("has URL and URLSearchParams", async ({ value }) => {
    const code = `
      const url = new URL("../b?q=1&r=%C3%A9#h", "https://user@example.com:8080/a/x");
      url.searchParams.set("q", "2 3");
      url.searchParams.append("s", "4");
      const { href, hostname, port, pathname, hash } = url;
      url.search = "?t=5";
      return { href, hostname, port, pathname, hash, t: url.searchParams.get("t"), q: url.searchParams.has("q"),
        params: [...new URLSearchParams("a=1&a=2").getAll("a")], valid: URL.canParse("nowhere") }`;
    expect(await value(code)).toEqual({
      href: "https://user@example.com:8080/b?q=2+3&r=%C3%A9&s=4#h",
      hostname: "example.com",
      port: "8080",
      pathname: "/b",
      hash: "#h",
      t: "5",
      q: false,
      params: ["1", "2"],
      valid: false,
    });
  }),
  javascript("has TextEncoder and TextDecoder", async ({ value }) => {
    const code =
      "const bytes = new TextEncoder().encode('é😀'); return [[...bytes], new TextDecoder().decode(bytes)]";
    expect(await value(code)).toEqual([[195, 169, 240, 159, 152, 128], "é😀"]);
  }),
  javascript("has structuredClone", async ({ value }) => {
    const code =
      "const a = { when: new Date(0), map: new Map([[1, { b: 2 }]]) }; const b = structuredClone(a); return [b.when.getTime(), b.map.get(1), b.map.get(1) === a.map.get(1)]";
    expect(await value(code)).toEqual([0, { b: 2 }, false]);
  }),
  javascript("has crypto.getRandomValues and crypto.randomUUID", async ({ value }) => {
    const code = `
      const bytes = crypto.getRandomValues(new Uint8Array(64));
      const uuid = crypto.randomUUID();
      return [bytes.length, new Set(bytes).size > 8, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(uuid), uuid !== crypto.randomUUID()]`;
    expect(await value(code)).toEqual([64, true, true, true]);
  }),
  javascript("has no way out of the sandbox among its globals", async ({ value }) => {
    const names = [
      "fetch",
      "XMLHttpRequest",
      "WebSocket",
      "document",
      "window",
      "localStorage",
      "indexedDB",
      "caches",
      "importScripts",
      "postMessage",
      "Worker",
      "process",
      "require",
      "navigator",
    ];
    expect(
      await value(`return ${JSON.stringify(names)}.filter((name) => globalThis[name] !== undefined)`),
    ).toEqual([]);
  }),
];
