import { AxeBuilder } from "@axe-core/playwright";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { startPageServer } from "../../demo/page-server.ts";
import { PROGRAM_GROUPS, PROGRAMS } from "../../demo/programs.ts";
import { startErrorsServer } from "../../demo/servers/errors-server.ts";
import { startEverythingServer } from "../../demo/servers/everything-server.ts";
import { findFreePort } from "../../demo/servers/loopback.ts";
import { basic, createHost } from "../../src/host/index.ts";
import { chromiumOptions } from "../setup/chromium.ts";

const folder = inject("demoFolder");
const running = new AsyncDisposableStack();
let browser: Browser;
let servers: { readonly errors: string; readonly everything: string };
let url: string;
/** The page as `npx mcp-optimizer serve` prints its link. */
let hostLink: string;

beforeAll(async () => {
  const errors = await startErrorsServer({ port: 0 });
  running.defer(() => errors.close());
  const everything = await startEverythingServer({ port: 0 });
  running.defer(() => everything.close());
  servers = { errors: errors.url, everything: everything.url };
  const site = await startPageServer({ folder, port: 0, servers });
  running.defer(() => site.close());
  url = site.url;
  const sandbox = running.use(basic({ iKnowThatThisIsNoSandbox: true }));
  const origins = [new URL(url).origin];
  const host = running.use(
    await createHost({ port: 0, sandboxes: [sandbox], leastStrength: "none", origins }),
  );
  hostLink = `${url}#host=${host.url}&token=${host.token}`;
  browser = running.use(await chromium.launch(chromiumOptions()));
});

afterAll(() => running.disposeAsync());

/** What the browser may complain about: an MCP server of 2025 refuses the SDK's first question with 400. */
function isKnown(text: string, source: string): boolean {
  return text.includes("status of 400 (Bad Request)") && source === servers.everything;
}

interface OpenPage {
  readonly page: Page;
  /** What the browser complained about, violations of the content security policy included. */
  readonly complaints: readonly string[];
}

async function openPage(address = url, options: BrowserContextOptions = {}): Promise<OpenPage> {
  // In a context of its own, which is what axe needs.
  const context = await browser.newContext({ reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    const known = isKnown(message.text(), message.location().url);
    if ((message.type() === "error" || message.type() === "warning") && !known)
      complaints.push(message.text());
  });
  await page.goto(address);
  await page.locator("#run-status[data-state=ready]").waitFor();
  return { page, complaints };
}

async function choose(page: Page, id: string): Promise<void> {
  const inPython = PROGRAM_GROUPS.python.some(({ programs }) =>
    programs.some((program) => program.id === id),
  );
  await page.getByLabel("Language", { exact: true }).selectOption(inPython ? "python" : "typescript");
  await page.getByLabel("Ready program").selectOption(id);
}

/** Waits until the run has ended and reads what the page shows about it. */
async function readOutcome(page: Page) {
  await page.locator("#run-status:not([data-state=running]):not([data-state=ready])").waitFor();
  const text = async (selector: string): Promise<string | undefined> => {
    const [first] = await page.locator(selector).allTextContents();
    return first;
  };
  const json = await text("#result pre[aria-label='Returned value']");
  const value: unknown = json === undefined ? undefined : JSON.parse(json);
  return {
    state: await page.locator("#run-status").getAttribute("data-state"),
    status: (await text("#run-status")) ?? "",
    value,
    failure: (await text("#result .failure")) ?? "",
    calls: await page.locator("#activity-list .call .event-name").allTextContents(),
    logs: await page.locator("#activity-list .event-log").allTextContents(),
  };
}

type Outcome = Awaited<ReturnType<typeof readOutcome>>;

async function runChosen(page: Page): Promise<Outcome> {
  await page.getByRole("button", { name: "Run", exact: true }).click();
  return readOutcome(page);
}

/** Replaces the program by typing, as a visitor would. */
async function typeProgram(page: Page, code: string): Promise<void> {
  await page.getByRole("textbox", { name: /Program/ }).click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.insertText(code);
}

const returned = (value: unknown) => expect.objectContaining({ state: "returned", value, failure: "" });

/** What becomes of each ready program. */
const OUTCOMES: Readonly<Record<string, (outcome: Outcome, page: Page) => void | Promise<void>>> = {
  "errors-by-service": async (outcome, page) => {
    expect(outcome).toEqual(
      returned({ search: 798, checkout: 774, payments: 720, notifications: 719, inventory: 624 }),
    );
    expect(outcome.calls).toEqual(["errors.list_errors"]);
    expect(outcome.logs).toEqual(["log: 10000 rows read"]);
    expect(await page.locator(".flow").textContent()).toMatch(/4\.\d MB.*21 tokens.*≈ 1,2\d\d,\d\d\d/);
  },
  "analyze-in-parallel": (outcome) => {
    expect(outcome.state).toBe("returned");
    expect(outcome.calls).toEqual(["errors.list_errors", ...Array(8).fill("errors.analyze_error")]);
    expect(outcome.value).toEqual(
      expect.arrayContaining([
        { cause: expect.any(String), errors: expect.arrayContaining(["ERR-06221"]), fix: "scale_out" },
      ]),
    );
  },
  "stays-behind": async (outcome, page) => {
    expect(outcome).toMatchObject({ state: "returned", failure: "" });
    await page.getByRole("button", { name: /^Open json/ }).click();
    await page.getByLabel("What stayed behind").waitFor();
    const kept: unknown = JSON.parse((await page.getByLabel("What stayed behind").textContent()) ?? "");
    expect(kept).toMatchObject({ picture: { mimeType: "image/png" }, errors: expect.any(Array) });
  },
  "ask-first": async (outcome, page) => {
    expect(outcome).toMatchObject({
      state: "suspended",
      status: "Waits for you to decide about 1 tool call",
      calls: ["errors.list_errors", "page.notify", "page.clear_notices"],
    });
    await page.getByLabel("Allow", { exact: true }).check();
    await page.getByRole("button", { name: "Go on" }).click();
    expect((await readOutcome(page)).value).toEqual({ cleared: 1, seen: expect.any(Object) });
  },
  "fix-what-is-safe": (outcome) => {
    expect(outcome).toEqual(returned({ fixed: expect.any(Array), leftForPeople: expect.any(Array) }));
    const dryRuns = outcome.logs.filter((log) => log.includes("Would apply"));
    const fixes = outcome.calls.filter((name) => name === "errors.fix_error").length - dryRuns.length;
    expect(dryRuns).toHaveLength(6);
    expect(outcome.value).toHaveProperty("fixed.length", fixes);
    expect(outcome.value).toHaveProperty("leftForPeople.length", 6 - fixes);
    expect([fixes > 0, fixes < 6]).toEqual([true, true]);
  },
  "several-servers": (outcome) => {
    expect(outcome).toEqual(
      returned({
        sum: expect.stringMatching(/^The sum of \d+ and \d+ is \d+\.$/),
        echo: expect.stringMatching(/^Echo: \d+ errors are open$/),
        asOf: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      }),
    );
    expect(outcome.calls.toSorted()).toEqual([
      "errors.list_errors",
      "everything.echo",
      "everything.get_sum",
      "page.now",
    ]);
  },
  "find-and-call": (outcome) => {
    expect(outcome).toEqual(returned("The sum of 20 and 22 is 42."));
    expect(outcome.logs[1]).toContain("a: number");
  },
  "images-as-bytes": (outcome) => {
    expect(outcome).toEqual(returned({ mimeType: "image/png", bytes: 4033, width: 20, height: 20 }));
  },
  "draw-on-the-page": async (outcome, page) => {
    expect(outcome).toEqual(returned(5));
    expect(await page.locator("#result .chart li").count()).toBe(5);
    expect(await page.locator("#result .chart figcaption").textContent()).toBe("Fatal errors by code");
    expect(await page.locator("#notices .notice").allTextContents()).toEqual([
      expect.stringMatching(/^\d+ fatal errors charted$/),
    ]);
  },
  "state-between-runs": async (outcome, page) => {
    expect(outcome).toEqual(returned({ runs: 1, before: "This is the first run. Run it again." }));
    expect(await runChosen(page)).toEqual(
      returned({ runs: 2, before: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) }),
    );
  },
  "slow-tool": (outcome) => {
    expect(outcome).toEqual(returned("Long running operation completed. Duration: 6 seconds, Steps: 12."));
  },
  "too-much": async (outcome, page) => {
    expect(outcome.status).toMatch(/^Returned \d+ tokens in .*, cut to fit$/);
    expect(await page.locator(".truncated").textContent()).toMatch(/The whole value has \d+,\d+ tokens/);
    expect(outcome.value).toMatchObject({
      handle: expect.any(String),
      preview: expect.arrayContaining([expect.stringMatching(/^… \(\d+ more of 200 items\)$/)]),
    });
  },
  mistake: async (outcome, page) => {
    expect(outcome.status).toMatch(/^Threw TypeError in line 7 after/);
    expect(await page.locator(".cm-failure").textContent()).toContain("row.count.today");
    await page.getByRole("button", { name: "Go to line 7, column 29" }).click();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("editor");
  },
  "unknown-tool": (outcome) => {
    expect(outcome.status).toMatch(/^Threw ToolError in line 1 after/);
    expect(outcome.failure).toContain("Hint: Did you mean tools.errors.list_errors");
  },
  "endless-loop": (outcome) => {
    expect(outcome.status).toMatch(/^Stopped: timeout, code 408, after 1(\.\d)? s$/);
    expect(outcome.logs).toEqual(["log: Round and round"]);
  },
  "python-hundred-calls": (outcome) => {
    expect(outcome.state).toBe("returned");
    expect(outcome.value).toHaveLength(3);
    expect(outcome.calls.filter((name) => name === "errors.analyze_error")).toHaveLength(100);
    expect(outcome.logs).toContain("log: 100 errors analyzed");
  },
  "python-reduce-rows": (outcome) => {
    expect(outcome).toEqual(
      returned({ least: expect.any(Number), quartiles: expect.any(Array), most: expect.any(Number) }),
    );
    expect(outcome.logs).toContainEqual(expect.stringMatching(/^log: 10000 rows read, \d{4} open$/));
  },
  "python-without-await": (outcome) => {
    expect(outcome.value).toHaveLength(5);
    expect(outcome.calls).toEqual(["errors.list_errors", ...Array(5).fill("errors.analyze_error")]);
  },
  "python-shared-context": async (outcome, page) => {
    expect(outcome.value).toMatchObject({ runs: expect.any(Number) });
    const { runs } = Object(outcome.value);
    await choose(page, "state-between-runs");
    expect(await runChosen(page)).toEqual(returned({ runs: runs + 1, before: "in Python" }));
  },
  "python-values": (outcome) => {
    expect(outcome).toEqual(returned({ due: "2026-12-24", amount: "19.90", tags: ["large", "open"] }));
  },
  "python-memory": async (outcome, page) => {
    expect(outcome.status).toMatch(/^Stopped: memory, code 429/);
    expect(outcome.logs).toContainEqual(expect.stringContaining("Memory gets scarce"));
    expect(Number(await page.getByLabel("Memory").getAttribute("value"))).toBeGreaterThan(0.8);
  },
  "python-endless-loop": (outcome) => {
    expect(outcome.status).toMatch(/^Stopped: timeout, code 408/);
    expect(outcome.logs).toContainEqual(expect.stringMatching(/^log: Interrupted after [\d,]+ turns$/));
  },
  "python-mistake": async (outcome, page) => {
    expect(outcome.status).toMatch(/^Threw KeyError in line 4 after/);
    expect(await page.locator(".cm-failure").textContent()).toContain('row["count"]["today"]');
  },
  "python-escape": (outcome) => {
    expect(outcome).toEqual(returned({ network: expect.stringMatching(/Error/), process: -1, page: [] }));
  },
  escape: (outcome) => {
    expect(outcome).toEqual(returned({ found: [], imported: "nothing" }));
  },
};

/** Where a host does another thing than the page. It is the weakest there is: what it isolates has suites of its own. */
const OUTCOMES_ON_HOST: typeof OUTCOMES = {
  "errors-by-service": (outcome) => {
    // Some are fixed by now.
    expect(outcome).toEqual(returned(expect.objectContaining({ search: expect.any(Number) })));
  },
  "ask-first": (outcome) => {
    // A program on a host is not frozen: what a person has to decide is refused.
    expect(outcome).toMatchObject({ state: "returned", failure: "", value: expect.anything() });
  },
  mistake: (outcome) => {
    // V8 sees the mistake at another column than QuickJS.
    expect(outcome.status).toMatch(/^Threw TypeError in line 7 after/);
  },
  "python-memory": (outcome) => {
    expect(outcome.status).toMatch(/^Stopped: memory, code 429/);
  },
  escape: (outcome) => {
    expect(outcome.state).toBe("returned");
  },
  "python-escape": (outcome) => {
    expect(outcome.state).toMatch(/^(?:returned|threw)$/);
  },
};

describe("the demo page", () => {
  test("shows each server, the catalog, and what it costs the model before and after", async () => {
    const { page, complaints } = await openPage();
    await page.locator("[data-server=errors][data-state=ready]").waitFor();
    await page.locator("[data-server=everything][data-state=ready]").waitFor();
    const [before = 0, after = 0] = (await page.locator("#cost .tokens").allTextContents()).map((text) =>
      Number(text.replace(/\D/g, "")),
    );
    expect(before).toBeGreaterThan(1_000);
    expect(after).toBeLessThanOrEqual(187);
    await page.getByText("The one tool, as the model gets it").click();
    expect(JSON.parse((await page.locator("#tool-json pre").textContent()) ?? "")).toMatchObject({
      name: "run_code",
      input_schema: { required: ["code"] },
    });
    await page.getByText("The manifest", { exact: true }).click();
    expect(JSON.parse((await page.locator("#manifest-json pre").textContent()) ?? "")).toMatchObject({
      servers: { errors: 3, page: 4 },
    });

    await page.getByLabel("Search the catalog").fill("fix an error");
    const first = page.locator("#catalog-hits .hit").first();
    expect(await first.locator(".hit-ref").textContent()).toBe("errors.fix_error");
    await first.click();
    await page.getByRole("region", { name: "Signature of errors.fix_error" }).waitFor();
    expect(await page.locator(".signature pre").first().textContent()).toContain("function fix_error(args");
    await page.close();
    expect(complaints).toEqual([]);
  });

  describe.each(["in the page", "on a host, which the page answers"])(
    "runs each ready program %s:",
    (place) => {
      let opened: OpenPage;

      beforeAll(async () => {
        opened = await openPage(place === "in the page" ? url : hostLink);
        await opened.page.locator("[data-server=everything][data-state=ready]").waitFor();
      });

      afterAll(async () => {
        await opened.page.close();
        expect(opened.complaints).toEqual([]);
      });

      test.for(PROGRAMS)("$title", async ({ id, title }) => {
        await choose(opened.page, id);
        const onHost = place === "in the page" ? undefined : OUTCOMES_ON_HOST[id];
        const check = onHost ?? OUTCOMES[id];
        if (check === undefined) throw new Error(`Say what becomes of ${title}.`);
        await check(await runChosen(opened.page), opened.page);
      });
    },
  );

  test("shows logs and progress while a program runs, and cancels it with its tool call", async () => {
    const { page, complaints } = await openPage();
    await choose(page, "slow-tool");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.getByText(/^step \d+ of 12$/).waitFor();
    expect(await page.locator("#activity-list .event-log").allTextContents()).toEqual([
      "log: Starting something slow",
    ]);
    expect(await page.locator("#run-status").textContent()).toBe("Running…");
    await page.getByRole("button", { name: "Cancel" }).click();
    const outcome = await readOutcome(page);
    expect(outcome.status).toMatch(/^Stopped: cancelled, code 408, after/);
    expect(await page.locator("#activity-list .call.failed").count()).toBe(1);
    await page.close();
    expect(complaints).toEqual([]);
  });

  test("keeps answering while a program loops without end", async () => {
    const { page } = await openPage();
    await choose(page, "endless-loop");
    await page.getByLabel("Time limit").selectOption("60 s");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.getByLabel("Search the catalog").fill("echo");
    await page.locator(".hit-ref", { hasText: "everything.echo" }).waitFor();
    expect(await page.locator("#run-status").textContent()).toBe("Running…");
    await page.getByRole("button", { name: "Cancel" }).click();
    expect((await readOutcome(page)).status).toContain("cancelled");
    await page.close();
  });

  test("runs what the visitor writes, keeps the edits, and undoes them on demand", async () => {
    const { page } = await openPage();
    await typeProgram(page, "return { answer: 6 * 7 as number };");
    expect(await runChosen(page)).toEqual(returned({ answer: 42 }));
    await typeProgram(page, "const a = ;");
    const broken = await runChosen(page);
    expect(broken.status).toMatch(/^Threw SyntaxError in line 1/);
    await choose(page, "escape");
    await choose(page, "errors-by-service");
    expect(await page.locator(".cm-content").textContent()).toBe("const a = ;");
    await page.getByRole("button", { name: "Undo my edits" }).click();
    expect(await page.locator(".cm-content").textContent()).toContain("10,000 rows");
    await page.close();
  });

  test("shows what a program sends as text, never as HTML", async () => {
    const { page, complaints } = await openPage();
    const evil = '<img src=x onerror="document.title = 1"><b id=evil>';
    await typeProgram(
      page,
      `console.log(${JSON.stringify(evil)});
       await tools.page.notify({ message: ${JSON.stringify(evil)} });
       await tools.page.chart({ title: ${JSON.stringify(evil)}, bars: [{ label: ${JSON.stringify(evil)}, value: 1 }] });
       return ${JSON.stringify(evil)};`,
    );
    expect(await runChosen(page)).toEqual(returned(evil));
    expect(await page.locator("#evil, #result img, #activity-list img, #notices img").count()).toBe(0);
    await page.close();
    expect(complaints).toEqual([]);
  });

  test("can be used by keyboard alone", async () => {
    const { page } = await openPage();
    const { keyboard } = page;
    const focused = () =>
      page.evaluate(() => {
        const inner = document.activeElement?.shadowRoot?.activeElement;
        return inner?.className.split(" ")[0] ?? document.activeElement?.id ?? "";
      });
    await keyboard.press("Tab");
    await keyboard.press("Enter");
    expect(await focused()).toBe("program");
    await keyboard.press("Tab");
    expect(await focused()).toBe("language");
    await keyboard.press("Tab");
    expect(await focused()).toBe("program-choice");
    await keyboard.press("Tab");
    expect(await focused()).toBe("cm-content");
    await keyboard.press("ControlOrMeta+a");
    await keyboard.type("return 1");
    await keyboard.press("ControlOrMeta+Enter");
    expect(await readOutcome(page)).toEqual(returned(1));
    await keyboard.type("2");
    await keyboard.press("Escape");
    expect(await focused()).toBe("run");
    await keyboard.press("Enter");
    await page.getByRole("region", { name: "Returned value" }).getByText("12").waitFor();
    expect(await focused()).toBe("run");
    await keyboard.press("Tab");
    expect(await focused()).toBe("cancel");
    await keyboard.press("Tab");
    expect(await focused()).toBe("time-limit");
    await page.close();
  });

  test("says why a server is down, and works with the others", async () => {
    const down = `http://127.0.0.1:${await findFreePort()}/mcp`;
    await using site = {
      ...(await startPageServer({ folder, port: 0, servers: { ...servers, down } })),
      [Symbol.asyncDispose]() {
        return this.close();
      },
    };
    const { page, complaints } = await openPage(`${site.url}?everything=${encodeURIComponent(down)}`);
    const row = page.locator("[data-server=everything][data-state=unavailable]");
    await row.waitFor();
    expect(await row.textContent()).toContain("To repair it: ");
    expect(await row.locator(".server-address").textContent()).toBe(down);
    expect(await page.locator("[data-server=errors]").getAttribute("data-state")).toBe("ready");
    await choose(page, "errors-by-service");
    expect((await runChosen(page)).state).toBe("returned");
    await choose(page, "images-as-bytes");
    expect((await runChosen(page)).failure).toContain("everything is unavailable");
    await page.close();
    expect(complaints.filter((text) => !text.includes("ERR_CONNECTION_REFUSED"))).toEqual([]);
  });

  test("says why it can't start, and what to do about it", async () => {
    const page = await browser.newPage();
    await page.route("**/sandbox.html*", (route) => route.fulfill({ contentType: "text/html", body: "" }));
    await page.goto(url);
    await page.locator("#run-status[data-state=failed]").waitFor({ timeout: 60_000 });
    expect(await page.locator("#result .failure").textContent()).toMatch(
      /The sandbox could not be set up.*Hint: Check that/,
    );
    const run = page.getByRole("button", { name: "Run", exact: true });
    expect(await run.getAttribute("aria-disabled")).toBe("true");
    await page.close();
  });
});

describe("for everyone:", () => {
  const widths = { desktop: { width: 1440, height: 900 }, phone: { width: 360, height: 740 } } as const;
  // Each device and each scheme once: what differs between them here is colours and widths.
  const views = [
    { device: "desktop", colorScheme: "light" },
    { device: "phone", colorScheme: "dark" },
  ] as const;

  test.for(views)(
    "$device, $colorScheme: axe finds nothing, and nothing runs off the side",
    async ({ device, colorScheme }) => {
      const { page } = await openPage(url, { viewport: widths[device], colorScheme });
      await page.locator("[data-server=everything][data-state=ready]").waitFor();
      if (device === "phone") await page.locator("#catalog > summary").click();
      await page.locator("#cost summary").first().click();
      await page.locator("#catalog-hits .hit").nth(3).click();
      await page.locator("#catalog-hits .code").first().waitFor();
      const findings = { "before a run": await findFaults(page), returned: {}, threw: {}, stopped: {} };
      await typeProgram(page, SHOWS_EVERYTHING);
      expect((await runChosen(page)).status).toContain("cut to fit");
      findings.returned = await findFaults(page);
      await choose(page, "mistake");
      await runChosen(page);
      findings.threw = await findFaults(page);
      await choose(page, "endless-loop");
      await runChosen(page);
      findings.stopped = { wide: await findWide(page) };
      await page.close();
      expect(findings).toEqual({
        "before a run": NO_FAULTS,
        returned: NO_FAULTS,
        threw: NO_FAULTS,
        stopped: { wide: [] },
      });
    },
  );

  test.for(views)(
    "$device, $colorScheme: axe finds nothing in the devtools",
    async ({ device, colorScheme }) => {
      const { page, complaints } = await openPage(url, { viewport: widths[device], colorScheme });
      await page.getByRole("button", { name: "Devtools" }).click();
      const devtools = page.locator("mcp-optimizer-devtools");
      await devtools.getByRole("tab", { name: "Runs" }).waitFor();
      const findings = {
        empty: await findFaults(page),
        timeline: {},
        code: {},
        again: {},
        sessions: {},
        catalog: {},
      };
      await typeProgram(page, SHOWS_EVERYTHING);
      await runChosen(page);
      await devtools.getByRole("heading", { name: "Run 1: returned" }).waitFor();
      findings.timeline = await findFaults(page);
      const saving = page.waitForEvent("download");
      await devtools.getByRole("button", { name: "Save as test" }).click();
      expect((await saving).suggestedFilename()).toBe("run-1.test.ts");
      await choose(page, "mistake");
      await runChosen(page);
      await devtools.getByRole("option", { name: "#2" }).click();
      await devtools.getByRole("heading", { name: "Run 2: threw" }).waitFor();
      await devtools.getByRole("tab", { name: "Code" }).click();
      findings.code = await findFaults(page);
      await devtools.getByRole("tab", { name: "Run again" }).click();
      findings.again = await findFaults(page);
      await devtools.getByRole("tab", { name: "Sessions" }).click();
      await devtools.getByRole("option", { name: "default" }).click();
      await devtools.getByRole("heading", { name: "Session default" }).waitFor();
      findings.sessions = await findFaults(page);
      await devtools.getByRole("tab", { name: "Catalog" }).click();
      await devtools.getByRole("option").nth(2).click();
      await devtools.getByRole("group", { name: "Signature" }).waitFor();
      findings.catalog = await findFaults(page);
      await page.close();
      expect(findings).toEqual({
        empty: NO_FAULTS,
        timeline: NO_FAULTS,
        code: NO_FAULTS,
        again: NO_FAULTS,
        sessions: NO_FAULTS,
        catalog: NO_FAULTS,
      });
      // The page's strict policy forbids nothing that the devtools do.
      expect(complaints).toEqual([]);
    },
  );

  test("the checks above find a fault that is there", async () => {
    const { page } = await openPage(url, { viewport: widths.phone });
    await page.locator("#run-status").evaluate((node) => {
      if (!(node instanceof HTMLElement)) throw new Error("No HTML element");
      node.style.color = "#ccc";
      node.style.background = "#fff";
      node.style.minWidth = "500px";
    });
    const { violations, wide } = await findFaults(page);
    expect(violations.map(({ id }) => id)).toEqual(["color-contrast"]);
    expect(wide).toEqual(["html", "section#program"]);
    await page.close();
  });
});

/** A chart, a notice, logs of every level, a failed call and a value that is too large, in one run. */
const SHOWS_EVERYTHING = `
  for (const level of ["debug", "log", "info", "warn", "error"]) console[level](level, "x".repeat(80));
  await tools.page.notify({ message: "Look" });
  await tools.page.chart({ title: "Chart", bars: [{ label: "a".repeat(60), value: 3 }, { label: "b", value: 1 }] });
  await tools.page.chart({ title: "Wrong" }).catch((error) => console.error(error.message));
  return Array.from({ length: 2_000 }, (_, index) => ({ index, text: "y".repeat(90) }));
`;

const NO_FAULTS = { violations: [], wide: [] };

async function findFaults(page: Page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return {
    violations: violations.map(({ id, nodes }) => ({
      id,
      nodes: nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`),
    })),
    wide: await findWide(page),
  };
}

/** The page, or columns of it, with content that is wider than they are. */
function findWide(page: Page): Promise<readonly string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll("html, .masthead, .column")]
      .filter((node) => node.scrollWidth > node.clientWidth)
      .map((node) => `${node.tagName.toLowerCase()}${node.id === "" ? "" : `#${node.id}`}`),
  );
}

test("a program waits through a reload; what was approved is asked again when it is another tool", async () => {
  const { page, complaints } = await openPage();
  await choose(page, "ask-first");
  expect(await runChosen(page)).toMatchObject({ state: "suspended" });
  await page.reload();
  await page.locator("#run-status[data-state=suspended]").waitFor();
  expect(await new AxeBuilder({ page }).analyze()).toMatchObject({ violations: [] });
  await page.getByLabel("Allow", { exact: true }).check();
  await page.getByLabel("Allow this tool from now on").check();
  await page.getByRole("button", { name: "Go on" }).click();
  expect(await readOutcome(page)).toMatchObject({ state: "returned" });

  await page.locator("#intents summary").click();
  await page.getByRole("button", { name: "Change clear_notices and reload" }).click();
  await page.waitForURL(url);
  await page.locator("#run-status[data-state=ready]").waitFor();
  await choose(page, "ask-first");
  expect(await runChosen(page)).toMatchObject({ state: "suspended" });
  expect(await page.locator(".diff del").allTextContents()).toEqual([
    '−   "description": "Remove all notices that this page shows.",\n',
  ]);
  expect(await page.locator(".diff ins").allTextContents()).toEqual([
    '+   "description": "Remove all notices, and tell their text to whoever asks first.",\n',
  ]);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test("intents are executed in the mode that is chosen, and a program is saved as one", async () => {
  const { page, complaints } = await openPage();
  await choose(page, "errors-by-service");
  expect(await runChosen(page)).toMatchObject({ state: "returned" });
  await page.getByText("Keep it").click();
  await page.getByLabel("Save this program as an intent:").fill("by_service");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.locator("#intents summary").click();
  const ways: unknown[] = [];
  for (const [mode, intent] of [
    ["mcp_only", "first_errors"],
    ["code_execution", "first_errors"],
    ["hybrid", "by_service"],
    ["mcp_only", "by_service"],
  ] as const) {
    await page.getByLabel("Mode", { exact: true }).selectOption(mode);
    await page.getByLabel("Intent", { exact: true }).selectOption(intent);
    await page.getByRole("button", { name: "Execute" }).click();
    const { state } = await readOutcome(page);
    ways.push([state, (await page.locator(".route strong").allTextContents())[0]?.trim()]);
  }
  expect(ways).toEqual([
    ["returned", "By its tool."],
    ["returned", "By a program."],
    ["returned", "By a program."],
    ["threw", undefined],
  ]);
  expect(await new AxeBuilder({ page }).analyze()).toMatchObject({ violations: [] });
  await page.getByRole("button", { name: "Delete this program" }).click();
  await expect.poll(() => page.locator("#intent-choice option[value=by_service]").count()).toBe(0);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test("a session keeps what its programs left, through a reload, and is gone when it is closed", async () => {
  const { page, complaints } = await openPage();
  await page.locator("#sessions summary").click();
  await page.getByRole("button", { name: "Begin another" }).click();
  await page.getByRole("button", { name: "Close it" }).waitFor();
  await typeProgram(
    page,
    'globalThis.turns = (globalThis.turns ?? 0) + 1; await context.set("seen", turns); return turns;',
  );
  expect(await runChosen(page)).toMatchObject({ state: "returned", value: 1 });
  await expect.poll(() => page.locator("#session-about").textContent()).toMatch(/^1 run\..*: seen\./);
  await page.reload();
  await page.locator("#run-status[data-state=ready]").waitFor();
  await typeProgram(page, 'return [globalThis.turns, await context.get("seen")];');
  expect(await runChosen(page)).toMatchObject({ state: "returned", value: [1, 1] });
  await page.locator("#sessions summary").click();
  await page.getByRole("button", { name: "Close it" }).click();
  await expect.poll(() => page.locator("#session-choice").inputValue()).toBe("default");
  expect(await page.locator("#session-choice option").count()).toBe(1);
  expect(complaints).toEqual([]);
  await page.context().close();
});
