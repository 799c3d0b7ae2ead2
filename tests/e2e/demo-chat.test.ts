// A visitor talks to a model of their own choice, with their own key, over the wire formats that endpoints stream.

import type { Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findFreePort } from "../../demo/servers/loopback.ts";
import { type DemoSite, openDemoSite } from "./setup/demo-site.ts";
import { openScriptedModel, type Script } from "./setup/scripted-model.ts";
import { untilKept } from "./setup/until-kept.ts";

const KEY = "sk-visitor-0123456789";
const PATIENCE = { timeout: 60_000 };

let site: DemoSite;
beforeAll(async () => {
  site = await openDemoSite();
});
afterAll(() => site[Symbol.asyncDispose]());

async function openChat(page: Page, url: string, api = "openai"): Promise<void> {
  await page.getByRole("button", { name: "Chat with a model" }).press("Enter");
  await page.getByLabel("The endpoint speaks").selectOption(api);
  await page.getByLabel("Base URL").fill(url);
  await page.getByLabel("Model", { exact: true }).fill("scripted");
  await page.getByLabel("Your key").fill(KEY);
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel("Message").fill(text);
  await page.getByLabel("Message").press("Enter");
  await page
    .locator(".chat-form button[type=submit][aria-disabled=true]")
    .waitFor({ timeout: 2_000 })
    .catch(() => {});
  await page.locator(".chat-form button[type=submit]:not([aria-disabled=true])").waitFor(PATIENCE);
}

const COUNT = {
  code: "const { errors } = await tools.errors.list_errors({ limit: 7 }); return `${errors.length} rows`;",
};

test.for(["openai", "anthropic"])(
  "talks in %s's format over several turns and shows each program",
  async (api) => {
    const script: Script = [
      () => ({ say: "Let me look. ", run: COUNT }),
      ({ text }) => ({ say: text.includes("7 rows") ? "There are seven rows." : text }),
      ({ text }) => ({ say: /There are seven rows.*And now\?/.test(text) ? "Still seven." : text }),
    ];
    await using model = await openScriptedModel(script);
    await using visit = await site.openPage();
    const { page } = visit;
    await openChat(page, model.url, api);
    await say(page, "How many rows?");
    expect(await page.locator(".chat-log > *").allTextContents()).toEqual([
      "You: How many rows?",
      "Model: Let me look. ",
      expect.stringMatching(/^Program Returned \d+ tokens in .*const \{ errors \}.*"7 rows"/s),
      "Model: There are seven rows.",
    ]);
    expect(await page.locator("#activity-list .call .event-name").allTextContents()).toEqual([
      "errors.list_errors",
    ]);
    await say(page, "And now?");
    expect(await page.locator(".chat-log > *").last().textContent()).toBe("Model: Still seven.");
    expect(await page.locator(".chat-used").textContent()).toContain("300 tokens read, 30 written");

    const [first] = model.requests;
    expect(first?.text).toContain('"run_code"');
    expect(first?.text).toContain("mcp-optimizer");
    const { headers } = first ?? {};
    expect(headers?.authorization ?? headers?.["x-api-key"]).toContain(KEY);
    expect(Object.keys(headers ?? {}).filter((name) => name.startsWith("x-stainless"))).toEqual([]);
    expect(headers?.cookie).toBeUndefined();

    await page.locator(".chat-run summary").click();
    await page.getByRole("button", { name: "Open in the editor" }).click();
    expect(await page.locator(".cm-content").textContent()).toBe(COUNT.code);
    expect(visit.complaints).toEqual([]);
  },
);

test("the key is in no storage, no link, no log, and is forgotten with the page", async () => {
  await using model = await openScriptedModel([() => ({ say: "Hello." })]);
  await using visit = await site.openPage();
  const { page } = visit;
  const lines: string[] = [];
  page.on("console", (message) => lines.push(message.text()));
  await openChat(page, model.url);
  await say(page, "Hello");
  await page.evaluate(untilKept);
  const stored = await page.evaluate(async () => {
    const databases = await indexedDB.databases();
    const rows = await Promise.all(
      databases.map(
        ({ name = "" }) =>
          new Promise<string>((resolve, reject) => {
            const opening = indexedDB.open(name);
            opening.onerror = () => reject(new Error(`${name} does not open.`));
            opening.onsuccess = () => {
              const database = opening.result;
              const stores = [...database.objectStoreNames];
              if (stores.length === 0) return resolve("");
              const reading = stores.map((store) => database.transaction(store).objectStore(store).getAll());
              const last = reading.at(-1);
              if (last === undefined) return resolve("");
              const transaction = last.transaction;
              if (transaction !== null)
                transaction.oncomplete = () => resolve(JSON.stringify(reading.map(({ result }) => result)));
            };
          }),
      ),
    );
    const kept = await Promise.all(
      (await caches.keys()).map(async (name) =>
        (await (await caches.open(name)).keys()).map(({ url }) => url),
      ),
    );
    return JSON.stringify([
      { ...localStorage },
      { ...sessionStorage },
      document.cookie,
      location.href,
      rows,
      kept,
    ]);
  });
  expect(stored).toContain("/assets/");
  expect(stored).not.toContain(KEY);
  expect(lines.join("\n")).not.toContain(KEY);
  await page.getByRole("button", { name: "Chat with a model" }).click();
  await page.getByRole("button", { name: "Copy link" }).click();
  await page.locator("#link-said:not(:empty)").waitFor();
  expect(page.url()).not.toContain(KEY);
  await page.reload();
  await page.locator("#run-status[data-state=ready]").waitFor();
  await page.getByRole("button", { name: "Chat with a model" }).click();
  expect(await page.getByLabel("Your key").inputValue()).toBe("");
});

test("a call that needs a word asks the visitor, and the model hears what came of it", async () => {
  const code = "return (await tools.page.clear_notices({})).cleared + 40;";
  await using model = await openScriptedModel([
    () => ({ say: "", run: { code } }),
    ({ text }) => ({ say: text.includes("40") ? "Cleared." : text }),
  ]);
  await using visit = await site.openPage();
  const { page } = visit;
  await openChat(page, model.url);
  await page.getByLabel("Message").fill("Clear them");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByLabel("Allow", { exact: true }).check(PATIENCE);
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByText("Cleared.").waitFor(PATIENCE);
  expect(await page.locator(".chat-run .run-status").textContent()).toMatch(/^Returned/);
});

test("what goes wrong is said in plain words, without the key", async () => {
  await using model = await openScriptedModel([
    () => ({ status: 401, message: `Incorrect API key provided: ${KEY}` }),
    () => ({ status: 429, message: "Rate limit reached" }),
    () => ({ status: 503, message: "Overloaded" }),
    () => ({ say: "Back again." }),
  ]);
  await using closed = await openScriptedModel([], false);
  await using visit = await site.openPage();
  const { page } = visit;
  await openChat(page, model.url);
  const problem = page.locator(".chat-problem").last();
  for (const words of ["refuses the key (401)", "no credit left (429)", "problem of its own (503)"]) {
    await say(page, "Hello");
    await problem.getByText(words).waitFor(PATIENCE);
  }
  await say(page, "Hello");
  await page.getByText("Back again.").waitFor(PATIENCE);
  expect(await page.locator(".chat-log").textContent()).not.toContain(KEY);
  await page.locator(".chat-settings > summary").click();
  for (const [address, words] of [
    [closed.url, `has to allow the origin ${new URL(site.url).origin}`],
    [`http://127.0.0.1:${await findFreePort()}/v1`, "can't be reached from here"],
    ["http://example.com/v1", "Only https: is reached"],
  ] as const) {
    if (!(await page.getByLabel("Base URL").isVisible()))
      await page.locator(".chat-settings > summary").click();
    await page.getByLabel("Base URL").fill(address);
    await say(page, "Hello");
    await problem.getByText(words).waitFor(PATIENCE);
  }
  await page.getByLabel("Base URL").fill("https://api.example.com/v1");
  await page.getByLabel("Your key").fill("");
  await say(page, "Hello");
  await problem.getByText("Give your key for this endpoint.").waitFor();
});

test("is stopped in the middle of a word and of a program, and forgets that turn", async () => {
  await using model = await openScriptedModel([
    () => ({ hang: "Once upon a time" }),
    () => ({ say: "", run: { code: "while (true) {}" } }),
    ({ text }) => ({ say: /Tell|Loop/.test(text) ? text : "Here I am." }),
  ]);
  await using visit = await site.openPage();
  const { page } = visit;
  await openChat(page, model.url);
  const begin = async (text: string) => {
    await page.getByLabel("Message").fill(text);
    await page.getByLabel("Message").press("Enter");
  };
  await begin("Tell a story");
  await page.getByText("Once upon a time").or(page.getByText("Once up")).first().waitFor(PATIENCE);
  await page.getByRole("button", { name: "Stop" }).click();
  await page.locator(".chat-problem").getByText("Stopped.").waitFor(PATIENCE);
  await begin("Loop");
  await page.locator(".chat-run .run-status[data-state=running]").waitFor(PATIENCE);
  await page.getByRole("button", { name: "Stop" }).click();
  await expect.poll(() => page.locator(".chat-problem").count(), PATIENCE).toBe(2);
  await expect.poll(() => page.locator("#run").getAttribute("aria-disabled"), PATIENCE).toBe("false");
  await say(page, "Are you there?");
  expect(await page.locator(".chat-log > *").last().textContent()).toBe("Model: Here I am.");
});

test("a model that answers with markup, or asks for nonsense, is shown as text", async () => {
  const evil = '<img id=evil src=x onerror="document.title=1"><script>document.title=2</script>';
  await using model = await openScriptedModel([
    () => ({ say: evil, run: { code: `return ${JSON.stringify(evil)}` } }),
    () => ({ say: "", run: { nonsense: evil } }),
    () => ({ say: "Done." }),
  ]);
  await using visit = await site.openPage();
  const { page } = visit;
  await openChat(page, model.url);
  await say(page, evil);
  await page.getByText("Done.").waitFor(PATIENCE);
  expect(await page.locator(".chat-log img, .chat-log script, #evil").count()).toBe(0);
  expect(await page.locator(".chat-model").first().textContent()).toBe(`Model: ${evil}`);
  expect(await page.locator(".chat-run .run-status").allTextContents()).toEqual([
    expect.stringMatching(/^Returned/),
    "Not run",
  ]);
  expect(visit.complaints).toEqual([]);
});
