import type { Page } from "playwright";
import { expect } from "vitest";
import { choose, type Outcome, readOutcome, returned, runChosen } from "./demo-run.ts";

/** What becomes of each ready program. */
export const OUTCOMES: Readonly<Record<string, (outcome: Outcome, page: Page) => void | Promise<void>>> = {
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
export const OUTCOMES_ON_HOST: typeof OUTCOMES = {
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
