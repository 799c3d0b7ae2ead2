import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { McpOptimizerDevtools } from "../../src/devtools/index.ts";
import {
  createOptimizer,
  memory,
  type Optimizer,
  type OptimizerOptions,
  type WatchRuns,
} from "../../src/index.ts";

/** Resolves when `holds` gives something, asked in turns; the test's own time bounds it. */
async function until<T>(holds: () => T | undefined | null | false): Promise<T> {
  for (;;) {
    const value = holds();
    if (value !== undefined && value !== null && value !== false) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

let asked: unknown[] = [];
const tools: NonNullable<OptimizerOptions["tools"]> = {
  double: {
    description: "Doubles a number",
    inputSchema: { type: "object", properties: { n: { type: "number" } }, required: ["n"] },
    call: (args) => {
      asked.push(structuredClone(args));
      return Number(args["n"]) * 2;
    },
  },
  rows: { call: () => Array.from({ length: 300 }, (_, id) => ({ id, name: `row ${id}` })) },
  fail: {
    call: () => {
      throw new Error("It did not work.");
    },
  },
};

/** The devtools as a user finds them. */
class Devtools implements AsyncDisposable {
  readonly node = new McpOptimizerDevtools();
  readonly optimizer: Optimizer;

  constructor(optimizer: Optimizer) {
    this.optimizer = optimizer;
    this.node.optimizer = optimizer;
    document.body.append(this.node);
  }

  get root(): ShadowRoot {
    return this.node.shadowRoot ?? expect.fail("There is no shadow root.");
  }

  find<E extends Element = HTMLElement>(selector: string): E {
    return this.root.querySelector<E>(selector) ?? expect.fail(`There is no ${selector}.`);
  }

  text(selector: string): string {
    return this.root.querySelector(selector)?.textContent ?? "";
  }

  rows(label: RegExp): readonly HTMLElement[] {
    const list = [...this.root.querySelectorAll("[role=listbox]")].find((one) =>
      label.test(one.getAttribute("aria-label") ?? ""),
    );
    return [...(list?.querySelectorAll<HTMLElement>("[role=option]") ?? [])].sort(
      (one, other) => Number(one.ariaPosInSet) - Number(other.ariaPosInSet),
    );
  }

  tab(label: string): void {
    const tab = [...this.root.querySelectorAll<HTMLElement>("[role=tab]")].find(
      (one) => one.textContent === label,
    );
    (tab ?? expect.fail(`There is no tab ${label}.`)).click();
  }

  button(label: string): HTMLButtonElement {
    const found = [...this.root.querySelectorAll("button")].find(
      (one) => one.textContent === label && one.checkVisibility(),
    );
    return found ?? expect.fail(`There is no button ${label}.`);
  }

  async ended(number: number, status: string): Promise<void> {
    await until(() => this.text(".detail-head h3") === `Run ${number}: ${status}`);
  }

  async [Symbol.asyncDispose]() {
    this.node.remove();
    await this.optimizer[Symbol.asyncDispose]();
  }
}

let devtools: Devtools;

beforeEach(async () => {
  asked = [];
  devtools = new Devtools(await createOptimizer({ tools, context: memory() }));
});
afterEach(() => devtools[Symbol.asyncDispose]());

describe("runs", () => {
  test("show up with their calls, arguments, answers and logs", async () => {
    await devtools.optimizer.run({
      code: 'console.warn("careful"); const rows = await tools.page.rows({}); return await tools.page.double({ n: rows.length })',
    });
    await devtools.ended(1, "returned");
    expect(devtools.rows(/^Runs/)[0]?.textContent).toMatch(/returned.*console.warn.*#1.*2 calls.*token/);
    const entries = devtools.rows(/^Parts/).map((row) => row.querySelector(".entry-name")?.textContent);
    expect(entries).toEqual(expect.arrayContaining(["guest", "page.rows", "page.double", "fit", "respond"]));
    devtools
      .rows(/^Parts/)
      .find((row) => row.textContent?.startsWith("page.double"))
      ?.click();
    await until(() => devtools.text(".call h4") === "Call 2: page.double");
    expect(devtools.text("[aria-label=Arguments]")).toMatch(/n: 300/);
    expect(devtools.text("[aria-label=Answer]")).toBe("600");
    devtools.tab("Logs");
    expect(devtools.text("ol.logs")).toContain("careful");
    devtools.tab("Result");
    expect(devtools.text("[aria-label='Returned value']")).toBe("600");
  });

  test("show lists of records as a table, step by step", async () => {
    await devtools.optimizer.run({ code: "await tools.page.rows({}); return 1" });
    await devtools.ended(1, "returned");
    expect(devtools.text("caption")).toBe("Answer: 300 records");
    expect([...devtools.root.querySelectorAll("th")].map((head) => head.textContent)).toEqual(["id", "name"]);
    expect(devtools.root.querySelectorAll("tbody tr")).toHaveLength(100);
    devtools.button("Show more: 200 are left").click();
    expect(devtools.root.querySelectorAll("tbody tr")).toHaveLength(200);
    expect(devtools.text("tbody tr:last-child")).toBe('199"row 199"');
  });

  test("mark the line that failed, and say why", async () => {
    await devtools.optimizer.run({ code: "const n = 1;\nawait tools.page.fail({});\nreturn n" });
    await devtools.ended(1, "threw");
    devtools.tab("Code");
    const failed = devtools.root.querySelectorAll("ol.code li.failed");
    expect([...failed].map((line) => line.textContent)).toEqual([
      "await tools.page.fail({});Failed here. ToolError: It did not work.",
    ]);
  });

  test("tell what they cost, and what the same would cost by classic calls", async () => {
    await devtools.optimizer.run({ code: "return (await tools.page.rows({})).length" });
    await devtools.ended(1, "returned");
    const facts = [...devtools.root.querySelectorAll(".detail-head .facts > div")].map(
      (one) => one.textContent,
    );
    expect(facts).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^Went back to the model1 token$/),
        expect.stringMatching(/^As classic MCP callsabout \d,\d\d\d tokens$/),
        expect.stringMatching(/^Most memory\d+\.\d MiB/),
      ]),
    );
  });

  test("list violations of the policy and of limits", async () => {
    await devtools.optimizer.run(
      { code: "await tools.page.double({ n: 1 }).catch(() => 0); for (;;);" },
      { tools: ["page.rows"], limits: { timeoutMs: 300 } },
    );
    await devtools.ended(1, "stopped");
    const [limit, refusal] = [...devtools.root.querySelectorAll(".violations li")].map(
      (one) => one.textContent,
    );
    expect(limit).toMatch(/^The run was stopped \(timeout\)/);
    expect(refusal).toMatch(/^page\.double was refused/);
    expect(asked).toEqual([]);
  });

  test("are recorded while the element is in the document, and not before or after", async () => {
    devtools.node.remove();
    await devtools.optimizer.run({ code: "return 1" });
    document.body.append(devtools.node);
    await devtools.optimizer.run({ code: "return 2" });
    await until(() => devtools.rows(/^Runs/).length > 0);
    expect(devtools.rows(/^Runs/).map((row) => row.querySelector("code")?.textContent)).toEqual(["return 2"]);
  });
});

describe("many runs", () => {
  test("10,000 of them are a list of a few rows, in which arrow keys, Home and End work", async () => {
    devtools.node.remove();
    const { optimizer, watches } = watchable();
    devtools.node.optimizer = optimizer;
    document.body.append(devtools.node);
    for (let at = 0; at < 10_050; at += 1) begin(watches, at);
    await until(() => devtools.rows(/^Runs/).length > 0);
    const list = devtools.find("[role=listbox]");
    const shown = () => devtools.rows(/^Runs/).map((row) => row.querySelector("code")?.textContent);
    expect(shown().length).toBeLessThan(40);
    expect(shown()[0]).toBe("run 10049");
    expect(devtools.text(".list-pane .choices")).toBe("Clear10,000 runs, 50 earlier ones are gone");
    expect(devtools.text(".bounds")).toMatch(/^The last 10,000 runs are kept, and 64.0 MiB/);
    const key = (name: string): void => {
      devtools.root.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
    };
    devtools.rows(/^Runs/)[0]?.focus();
    for (const [name, title] of [
      ["ArrowDown", "run 10048"],
      ["End", "run 50"],
      ["ArrowUp", "run 51"],
      ["Home", "run 10049"],
    ] as const) {
      key(name);
      await until(() => devtools.root.activeElement?.querySelector("code")?.textContent === title);
      expect(devtools.root.activeElement?.getAttribute("aria-selected")).toBe("true");
    }
    expect(list.querySelectorAll("[role=option][tabindex='0']")).toHaveLength(1);
  });

  test("that keep arriving are drawn once for each frame, and what somebody reads stays where it is", async () => {
    devtools.node.remove();
    const { optimizer, watches } = watchable();
    devtools.node.optimizer = optimizer;
    document.body.append(devtools.node);
    for (let at = 0; at < 500; at += 1) begin(watches, at);
    await until(() => devtools.rows(/^Runs/).length > 0);
    const list = devtools.find("[role=listbox]");
    list.scrollTop = 4_800;
    await until(() => devtools.rows(/^Runs/).some((row) => row.textContent?.includes("run 399")));
    const where = (): number | undefined =>
      devtools.rows(/^Runs/).find((row) => row.querySelector("code")?.textContent === "run 399")
        ?.getBoundingClientRect().top;
    const before = where();
    let changes = 0;
    const observer = new MutationObserver(() => {
      changes += 1;
    });
    observer.observe(devtools.find(".list-pane .choices"), { subtree: true, childList: true, characterData: true });
    let frames = 0;
    for (let at = 500; at < 600; at += 1) {
      begin(watches, at);
      if (at % 10 !== 0) continue;
      frames += 1;
      await new Promise(requestAnimationFrame);
    }
    await until(() => devtools.text(".list-pane .choices") === "Clear600 runs");
    observer.disconnect();
    expect(changes).toBeLessThanOrEqual(frames + 2);
    expect(where()).toBe(before);
  });
});

/** An optimizer that only lets itself be watched: the runs are made up. */
function watchable() {
  const watches = new Set<WatchRuns>();
  const optimizer: Optimizer = Object.create(devtools.optimizer, {
    watchRuns: {
      value: (watch: WatchRuns) => {
        watches.add(watch);
        return () => void watches.delete(watch);
      },
    },
  });
  return { optimizer, watches };
}

function begin(watches: ReadonlySet<WatchRuns>, at: number): void {
  const program = { language: "javascript", code: `run ${at}`, inputs: "{}" } as const;
  const run = { runId: String(at), session: "default", kind: "javascript", resumed: false, options: {} } as const;
  for (const watch of watches) watch({ ...run, program });
}
