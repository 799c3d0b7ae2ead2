import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startPageServer } from "../../demo/page-server.ts";

let folder: string;
let page: Awaited<ReturnType<typeof startPageServer>>;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-page-"));
  await writeFile(path.join(folder, "index.html"), "<!doctype html>");
  await writeFile(path.join(folder, "sandbox.html"), "frame");
  page = await startPageServer({ folder, port: 0, servers: { errors: "http://127.0.0.1:4171/mcp" } });
});

afterAll(async () => {
  await page.close();
  await rm(folder, { recursive: true, force: true });
});

test("the page may stand in no frame of another", async () => {
  const response = await fetch(page.url);
  expect(await response.text()).toBe("<!doctype html>");
  expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(response.headers.get("content-security-policy")).toBe("frame-ancestors 'none'");
});

test("the sandbox document keeps the policy that it carries itself", async () => {
  const response = await fetch(new URL("sandbox.html", page.url));
  expect(response.headers.get("content-security-policy")).toBeNull();
});

test("the sandbox document may be kept for ever under its digest, and is asked for anew without", async () => {
  const cached = async (name: string) => (await fetch(new URL(name, page.url))).headers.get("cache-control");
  expect(await cached("sandbox.html?0f3a")).toBe("public, max-age=31536000, immutable");
  expect(await cached("sandbox.html")).toBe("no-cache");
  expect(await cached("?0f3a")).toBe("no-cache");
});

test("the page learns where the servers are", async () => {
  const response = await fetch(new URL("servers.json", page.url));
  expect(await response.json()).toEqual({ errors: "http://127.0.0.1:4171/mcp" });
});

test.for([
  "/missing.js",
  "/../package.json",
  "/%2e%2e/package.json",
  "/%2e%2e%5cpackage.json",
  "/%00",
  "/%zz",
])("%s is not there", async (target) => {
  expect(await statusOf(target)).toBe(404);
});

test("only reading is allowed", async () => {
  expect((await fetch(page.url, { method: "POST" })).status).toBe(405);
});

test("a taken port is named", async () => {
  const port = Number(new URL(page.url).port);
  await expect(startPageServer({ folder, port, servers: {} })).rejects.toThrow(
    `port ${port} is already in use`,
  );
});

/** Sends the path as it is: `fetch` would normalise it. */
function statusOf(target: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(page.url, { path: target, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.once("error", reject);
    sent.end();
  });
}
