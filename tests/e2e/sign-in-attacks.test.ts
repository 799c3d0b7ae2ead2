// Who wants a token that is not theirs: guests, readers of the storage, other pages, authorization servers and
// MCP servers that lie. Controls show that each detector finds what it looks for.

import type { Page } from "playwright";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Lies } from "../browser/setup/lying-authorization.ts";
import type { SignInPage } from "../browser/setup/sign-in-page.ts";
import { consent, PATIENCE, type SignInSite, startSignInSite } from "./setup/sign-in-site.ts";

let site: SignInSite;

beforeAll(async () => {
  site = await startSignInSite();
});
afterAll(() => site[Symbol.asyncDispose]());
beforeEach(async () => {
  site.liar.lies = {};
  await site.newProfile();
});

declare const signIn: SignInPage;

const end = (page: Page) => page.evaluate(() => signIn.end);

/** Everything that the origin keeps, as text, the bytes of databases included. */
function readStorage(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const settled = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error ?? new Error("No reason is given."));
      });
    const show = (value: unknown): unknown => {
      if (value instanceof ArrayBuffer) return new TextDecoder("latin1").decode(value);
      if (ArrayBuffer.isView(value)) return new TextDecoder("latin1").decode(value);
      if (value instanceof CryptoKey) return "[key]";
      if (Array.isArray(value)) return value.map(show);
      if (typeof value !== "object" || value === null) return value;
      return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, show(member)]));
    };
    const kept: unknown[] = [{ ...localStorage }, { ...sessionStorage }, document.cookie];
    for (const { name = "" } of await indexedDB.databases()) {
      const database = await settled(indexedDB.open(name));
      for (const store of database.objectStoreNames) {
        const records = database.transaction(store).objectStore(store);
        const [keys, values] = await Promise.all([settled(records.getAllKeys()), settled(records.getAll())]);
        kept.push(name, store, keys, show(values));
      }
      database.close();
    }
    return JSON.stringify(kept);
  });
}

/** The state of the sign-in that a popup is part of. */
async function openWithState(page: Page): Promise<{ readonly popup: Page; readonly state: string }> {
  const asked = page
    .context()
    .waitForEvent("request", (request) => request.url().includes("code_challenge="));
  const popup = await site.openPopup(page);
  const state = new URL((await asked).url()).searchParams.get("state") ?? "";
  await popup.locator("input[name=login]").waitFor(PATIENCE);
  return { popup, state };
}

const backTo = (answer: Readonly<Record<string, string>>): string =>
  `${site.pages}/signed-in?${new URLSearchParams(answer)}`;

test("a program has a server repeat the token that it was sent", async () => {
  const page = await site.openPage();
  const said: string[] = [];
  page.on("console", (message) => void said.push(message.text()));
  const before = site.server.tokens.length;
  expect(await site.signInByPopup(page)).toBe("signed_in");
  const program = `
    const stolen = await tools.notes.echo({});
    console.log(stolen);
    await context.set("stolen", stolen);
    return stolen;`;
  expect(await site.run(page, program)).toBe("You sent [redacted]");
  const seen = await page.evaluate(async (code) => {
    const events: unknown[] = [];
    const result = await signIn.optimizer.run(
      { language: "javascript", code },
      { onEvent: (event) => void events.push(event) },
    );
    const file = await signIn.optimizer.sessions.export("default");
    const exported = await file.text();
    const { optimizer, account } = signIn;
    const rest = [optimizer.manifest(), optimizer.servers, account, account.status];
    return JSON.stringify([result, events, exported, await optimizer.sessions.log("default"), rest]);
  }, program);
  expect(seen).toContain("You sent [redacted]");
  const tokens = site.server.tokens.slice(before);
  expect(tokens.length).toBeGreaterThan(1);
  for (const token of tokens) {
    expect(seen).not.toContain(token);
    expect(said.join("\n")).not.toContain(token);
  }
});

test("a program looks for a token in its own world", async () => {
  const page = await site.openPage();
  expect(await site.signInByPopup(page)).toBe("signed_in");
  const world = await site.run(
    page,
    `return [typeof indexedDB, typeof BroadcastChannel, typeof navigator === "undefined" ? "undefined" : typeof navigator.locks, typeof localStorage]`,
  );
  expect(world).toEqual(["undefined", "undefined", "undefined", "undefined"]);
});

test("somebody reads what the browser keeps", async () => {
  const page = await site.openPage();
  const before = site.server.tokens.length;
  expect(await site.signInByPopup(page)).toBe("signed_in");
  const tokens = site.server.tokens.slice(before);
  const kept = await readStorage(page);
  expect(kept).toContain("mcp-optimizer-sign-in");
  expect(tokens.length).toBeGreaterThan(1);
  for (const token of tokens) expect(kept).not.toContain(token);
  // The control: the reader finds a token that is kept as it is, in bytes too.
  await page.evaluate(async (token) => {
    const request = indexedDB.open("planted", 1);
    request.onupgradeneeded = () =>
      request.result.createObjectStore("records").put(new TextEncoder().encode(token), "token");
    await new Promise((resolve) => request.addEventListener("success", resolve));
    request.result.close();
  }, tokens[0] ?? "");
  expect(await readStorage(page)).toContain(tokens[0]);
});

test("a script takes the key with which tokens are encrypted", async () => {
  const page = await site.openPage();
  expect(await site.signInByPopup(page)).toBe("signed_in");
  const exported = await page.evaluate(async () => {
    const opening = indexedDB.open("mcp-optimizer-sign-in");
    await new Promise((resolve) => opening.addEventListener("success", resolve));
    const reading = opening.result.transaction("records").objectStore("records").get("key");
    await new Promise((resolve) => reading.addEventListener("success", resolve));
    const key: unknown = reading.result;
    if (!(key instanceof CryptoKey)) return "no key";
    return crypto.subtle.exportKey("raw", key).then(
      () => "exported",
      (error: unknown) => (error instanceof DOMException ? error.name : "other"),
    );
  });
  expect(exported).toBe("InvalidAccessError");
});

test("an answer comes from another issuer than the one that was asked", async () => {
  const page = await site.openPage();
  const { popup, state } = await openWithState(page);
  await popup.goto(backTo({ code: "stolen", state, iss: "https://evil.example" })).catch(() => {});
  expect(await end(page)).toBe("issuer_mismatch");
});

test("an answer leaves its issuer out", async () => {
  const page = await site.openPage();
  const { popup, state } = await openWithState(page);
  await popup.goto(backTo({ code: "stolen", state })).catch(() => {});
  expect(await end(page)).toBe("issuer_mismatch");
});

test("an answer has a state that nobody began with", async () => {
  const page = await site.openPage();
  const { popup } = await openWithState(page);
  await popup.goto(backTo({ code: "stolen", state: "guessed", iss: site.server.issuer }));
  await popup.getByText("refused: unknown_sign_in").waitFor(PATIENCE);
  expect(new URL(popup.url()).search).toBe("");
  expect(await page.evaluate(() => signIn.account.status.state)).toBe("signing_in");
  await popup.close();
  expect(await end(page)).toBe("cancelled");
});

test("an answer to a redirect is opened in another browser", async () => {
  const page = await site.openPage();
  const answered = page.waitForRequest((request) => request.url().includes("/signed-in?"), PATIENCE);
  await page.click("#redirect");
  await consent(page);
  const answer = (await answered).url();
  await site.newProfile();
  const victim = await site.openPage();
  await victim.goto(answer);
  await victim.getByText("refused: unknown_sign_in").waitFor(PATIENCE);
});

test("an answer is used a second time", async () => {
  const page = await site.openPage();
  const answered = page.context().waitForEvent("request", (request) => request.url().includes("/signed-in?"));
  expect(await site.signInByPopup(page)).toBe("signed_in");
  const again = await page.context().newPage();
  await again.goto((await answered).url());
  await again.getByText("refused: unknown_sign_in").waitFor(PATIENCE);
});

test("a window of another origin says that the sign-in is done", async () => {
  const page = await site.openPage();
  const { popup, state } = await openWithState(page);
  const opener = await popup.evaluate((forged) => {
    const digest = (text: string) => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    void digest(forged).then((bytes) => {
      const hex = Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
      const message = { type: "answered", slot: `pending ${hex}`, code: "stolen", state: forged };
      new BroadcastChannel("mcp-optimizer-sign-in").postMessage(message);
      window.opener?.postMessage(message, "*");
      for (const frame of [window.parent, window.top]) frame?.postMessage(message, "*");
    });
    return window.opener === null;
  }, state);
  expect(opener).toBe(true);
  // And as a message to the page, which it could send if it had the window.
  await page.evaluate(
    (forged) => window.postMessage({ type: "answered", code: "stolen", state: forged }, "*"),
    state,
  );
  await page.waitForTimeout(1_000);
  expect(await page.evaluate(() => signIn.account.status.state)).toBe("signing_in");
  await popup.close();
  expect(await end(page)).toBe("cancelled");
});

/** Lies that are noticed before or after the user was sent away, and what they are called. */
const LIES: readonly (readonly [string, Lies, string])[] = [
  [
    "asks for a token of another resource",
    { resource: { resource: "https://bank.example/mcp" } },
    "wrong_resource",
  ],
  [
    "names an authorization server without TLS",
    { resource: { authorization_servers: ["http://auth.example"] } },
    "insecure_authorization_server",
  ],
  ["says it is another issuer", { metadata: { issuer: "https://accounts.example" } }, "issuer_mismatch"],
  [
    "has its tokens given elsewhere, without TLS",
    { metadata: { token_endpoint: "http://evil.example/token" } },
    "insecure_authorization_server",
  ],
  [
    "sends users to a script",
    { metadata: { authorization_endpoint: "javascript:alert(1)" } },
    "authorization_server_invalid",
  ],
  [
    "checks no PKCE",
    { metadata: { code_challenge_methods_supported: ["plain"] } },
    "authorization_server_invalid",
  ],
  ["answers with another state", { answer: { state: "mixed-up" } }, "cancelled"],
  ["answers as another issuer", { answer: { iss: "https://accounts.example" } }, "issuer_mismatch"],
  ["answers with a refusal", { answer: { code: undefined, error: "access_denied" } }, "sign_in_refused"],
  [
    "gives a token of another kind",
    { token: say({ access_token: "t", token_type: "mac" }) },
    "authorization_server_invalid",
  ],
  [
    "gives a token that is a header more",
    { token: say({ access_token: "t\r\nx-evil: 1", token_type: "Bearer" }) },
    "authorization_server_invalid",
  ],
  ["gives no token", { token: say({ token_type: "Bearer" }) }, "authorization_server_invalid"],
  [
    "gives a token without end",
    { token: say({ access_token: "t".repeat(300_000), token_type: "Bearer" }) },
    "response_too_large",
  ],
  [
    "sends the code elsewhere",
    { token: (response) => response.writeHead(307, { location: "https://evil.example/token" }).end() },
    "authorization_server_failed",
  ],
];

function say(body: object): NonNullable<Lies["token"]> {
  return (response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(body));
  };
}

test("a server tells the truth, and the lies below are what is refused", async () => {
  const page = await site.openPage({ server: site.liar.url });
  await page.click("#popup");
  expect(await end(page)).toBe("signed_in");
  const authorize = site.liar.asked.findLast((path) => path.startsWith("/authorize")) ?? "";
  const asked = new URLSearchParams(authorize.split("?")[1]);
  expect(asked.get("resource")).toBe(site.liar.url);
  expect(asked.get("code_challenge_method")).toBe("S256");
});

test.for(LIES)("a server that %s", async ([, lies, kind]) => {
  site.liar.lies = lies;
  const page = await site.openPage({ server: site.liar.url });
  const opened = page.waitForEvent("popup", PATIENCE);
  await page.click("#popup");
  const popup = await opened;
  if (kind === "cancelled") {
    await popup.getByText("refused: unknown_sign_in").waitFor(PATIENCE);
    await popup.close();
  }
  expect(await end(page)).toBe(kind);
  expect(await page.evaluate(() => signIn.account.status)).toMatchObject({ state: "signed_out" });
});

test("a server names another authorization server than the one that the page trusts", async () => {
  const options = { clientId: "the-page", issuer: site.server.issuer };
  const page = await site.openPage({ server: site.liar.url, options });
  await page.click("#popup");
  expect(await end(page)).toBe("issuer_mismatch");
});

test("a client that is named by its metadata's address registers nothing", async () => {
  site.liar.lies = { metadata: { client_id_metadata_document_supported: true } };
  site.liar.asked.splice(0);
  const clientMetadataUrl = "https://page.example/client.json";
  const page = await site.openPage({ server: site.liar.url, options: { clientMetadataUrl } });
  await page.click("#popup");
  expect(await end(page)).toBe("signed_in");
  expect(site.liar.asked.filter((path) => path.startsWith("/register"))).toEqual([]);
  const authorize = site.liar.asked.find((path) => path.startsWith("/authorize")) ?? "";
  expect(new URLSearchParams(authorize.split("?")[1]).get("client_id")).toBe(clientMetadataUrl);
});
