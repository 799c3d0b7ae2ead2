import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { McpOptimizerDevtools, recordedTools } from "../../src/devtools/index.ts";
import {
  createOptimizer,
  defineIntent,
  type IntentDefinition,
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
      { tools: ["page.rows"], limits: { timeoutMs: 1_000 } },
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
      devtools
        .rows(/^Runs/)
        .find((row) => row.querySelector("code")?.textContent === "run 399")
        ?.getBoundingClientRect().top;
    const before = where();
    let changes = 0;
    const observer = new MutationObserver(() => {
      changes += 1;
    });
    observer.observe(devtools.find(".list-pane .choices"), {
      subtree: true,
      childList: true,
      characterData: true,
    });
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

const SUM = "const a = await tools.page.double({ n: 1 });\nreturn a + await tools.page.double({ n: 2 })";

describe("a run that is run again", () => {
  test("from a call on: earlier ones answer from the record, and the devtools say which", async () => {
    await devtools.optimizer.run({ code: SUM });
    await devtools.ended(1, "returned");
    expect(asked).toEqual([{ n: 1 }, { n: 2 }]);
    devtools.button("Run again from here").click();
    expect(devtools.find<HTMLInputElement>("input[type=number]").value).toBe("1");
    const code = devtools.find<HTMLTextAreaElement>("textarea");
    code.value = code.value.replace("n: 2", "n: 20");
    devtools.button("Run").click();
    await devtools.ended(2, "returned");
    expect(asked).toEqual([{ n: 1 }, { n: 2 }, { n: 20 }]);
    expect(devtools.text(".again")).toBe(
      "Repeats run 1, whose first 1 call may answer from the record. 1 call did; 1 call went to the tools.",
    );
    devtools.tab("Result");
    expect(devtools.text("[aria-label='Returned value']")).toBe("42");
    devtools.tab("Timeline");
    const facts = (): readonly string[] =>
      devtools.rows(/^Parts/).map((row) => row.querySelector(".entry-facts")?.textContent ?? "");
    await expect.poll(() => facts().filter((text) => text.includes("from the record"))).toHaveLength(1);
  });

  test("with a call that differs: it goes to its tool, and the devtools say so", async () => {
    await devtools.optimizer.run({ code: SUM });
    await devtools.ended(1, "returned");
    devtools.tab("Run again");
    const code = devtools.find<HTMLTextAreaElement>("textarea");
    code.value = code.value.replace("n: 1", "n: 5");
    devtools.button("Run").click();
    await devtools.ended(2, "returned");
    expect(asked).toEqual([{ n: 1 }, { n: 2 }, { n: 5 }]);
    expect(devtools.text(".again")).toContain(
      "1 call went to the tools, 1 of them because the record has no equal call.",
    );
  });

  test("says why it could not run", async () => {
    await devtools.optimizer.run(
      { code: "return 1" },
      { session: (await devtools.optimizer.sessions.create()).id },
    );
    await devtools.ended(1, "returned");
    for (const { id } of await devtools.optimizer.sessions.list())
      await devtools.optimizer.sessions.close(id);
    devtools.tab("Run again");
    devtools.button("Run").click();
    await until(() => devtools.text("form [role=status]").startsWith("Not run: "));
  });
});

/** What the devtools hand to the user while `act` is done. */
async function downloaded(act: () => void): Promise<{ readonly name: string; readonly text: string }> {
  const { promise, resolve } = Promise.withResolvers<HTMLAnchorElement>();
  const click = HTMLAnchorElement.prototype.click;
  HTMLAnchorElement.prototype.click = function (this: HTMLAnchorElement) {
    resolve(this);
  };
  try {
    act();
    const anchor = await promise;
    return { name: anchor.download, text: await (await fetch(anchor.href)).text() };
  } finally {
    HTMLAnchorElement.prototype.click = click;
  }
}

/** Runs a saved module: its imports are what the test has. */
async function runModule(text: string, names: Readonly<Record<string, unknown>>): Promise<void> {
  const body = text.replace(/^import .*$/gm, "").replace("export const", "const");
  const url = URL.createObjectURL(
    new Blob([`export const run = async ({ ${Object.keys(names).join(", ")} }) => {\n${body}\n};`], {
      type: "text/javascript",
    }),
  );
  const module: { readonly run: (names: object) => Promise<void> } = await import(/* @vite-ignore */ url);
  await module.run(names);
}

describe("a saved run", () => {
  test("as a skill is a module that defines an intent, which does the same", async () => {
    await devtools.optimizer.run({ code: SUM });
    await devtools.ended(1, "returned");
    const { name, text } = await downloaded(() => devtools.button("Save as skill").click());
    expect(name).toBe("run-1.skill.ts");
    const defined: IntentDefinition[] = [];
    await runModule(text, {
      defineIntent: (intent: IntentDefinition) => {
        defined.push(defineIntent(intent));
        return intent;
      },
    });
    const [intent] = defined;
    expect(intent?.program?.code).toBe(SUM);
    if (intent !== undefined) devtools.optimizer.intents.define(intent);
    expect(await devtools.optimizer.execute({ intent: "saved_run_1", params: {}, id: 1 })).toMatchObject({
      result: { value: 6 },
    });
  });

  test("as a test passes as long as the program does the same, without its tools", async () => {
    const servers = { errors: inject("servers").errors };
    await using real = await createOptimizer({ tools, servers, context: memory() });
    devtools.node.optimizer = real;
    const code = `const { total } = await tools.errors.list_errors({ limit: 2 });
const failed = await tools.page.fail({}).catch(({ message }) => message);
return [total, failed, await tools.page.double({ n: total }), (await tools.page.rows({})).length]`;
    const { value } = await returnedBy(real, code);
    await devtools.ended(1, "returned");
    const { name, text } = await downloaded(() => devtools.button("Save as test").click());
    expect(name).toBe("run-1.test.ts");
    asked = [];
    const opened: Optimizer[] = [];
    const open = async (options: OptimizerOptions): Promise<Optimizer> => {
      const one = await createOptimizer(options);
      opened.push(one);
      return one;
    };
    const ended = async (saved: string): Promise<string> => {
      const outcomes: Promise<string>[] = [];
      const note = (_: string, body: () => Promise<void>): void => {
        outcomes.push(
          body().then(
            () => "passed",
            (error: unknown) => String(error),
          ),
        );
      };
      // A runner compiles that for browsers which do not know it.
      const plain = saved.replaceAll("await using", "const");
      await runModule(plain, { createOptimizer: open, memory, recordedTools, expect, test: note });
      const ends = await Promise.all(outcomes);
      for (const one of opened.splice(0)) await one[Symbol.asyncDispose]();
      return ends.join();
    };
    expect(await ended(text)).toBe("passed");
    expect(asked).toEqual([]);
    // It notices that the program calls its tools otherwise.
    expect(await ended(text.replace("limit: 2", "limit: 3"))).toContain("AssertionError");
    expect(value).toEqual([10_000, "It did not work.", 20_000, 300]);
  });
});

async function returnedBy(optimizer: Optimizer, code: string): Promise<{ readonly value: unknown }> {
  const result = await optimizer.run({ code });
  return result.status === "returned" ? result : expect.fail(JSON.stringify(result));
}

describe("beside the runs", () => {
  test("sessions show their totals, their keys and the values that stayed behind", async () => {
    await devtools.optimizer.run(
      {
        code: 'await context.set("seen", 1); return (await tools.page.rows({})).flatMap((row) => [row, row, row])',
      },
      { session: "mine", maxTokens: 200 },
    );
    devtools.tab("Sessions");
    await until(() => devtools.rows(/^Sessions/).find((row) => row.textContent?.startsWith("mine")));
    devtools
      .rows(/^Sessions/)
      .find((row) => row.textContent?.startsWith("mine"))
      ?.click();
    await until(
      () => devtools.text("h3") === "Session mine" || devtools.root.querySelector("#main-sessions-panel h3"),
    );
    expect(devtools.text("#main-sessions-panel .facts")).toMatch(/^Runs1Failed0Tool calls1/);
    devtools.button("seen").click();
    await until(() => devtools.text("[aria-label=seen]") === "1");
    const open = await until(() =>
      [...devtools.root.querySelectorAll("button")].find((one) =>
        /^Open [0-9a-f]{24}$/.test(one.textContent ?? ""),
      ),
    );
    open.click();
    await until(() => devtools.text("#main-sessions-panel caption").endsWith(": 900 records"));
  });

  test("charts have a point for each run, and say what they show in words", async ({ skip }) => {
    if (navigator.language === "C") return skip("uPlot takes C for no language, which WebKitGTK says here.");
    for (const n of [1, 2, 3])
      await devtools.optimizer.run({ code: `await tools.page.rows({}); return ${n}` });
    devtools.tab("Charts");
    const figure = (name: string): HTMLElement => devtools.find(`figure[aria-label="${name}"]`);
    await until(() => devtools.root.querySelectorAll("figure canvas").length === 3);
    expect(figure("Time").textContent).toMatch(/3 runs: median [\d.,]+ m?s, most [\d.,]+ m?s/);
    expect(figure("Tokens").textContent).toContain("3 runs: median 1, most 1");
    const canvas = figure("Tokens").querySelector("canvas") ?? expect.fail("There is no canvas.");
    const colours = (): ReadonlySet<string> => {
      const { data } = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height) ?? {
        data: [],
      };
      const seen = new Set<string>();
      for (let at = 0; at < data.length; at += 4)
        if (data[at + 3] === 255) seen.add(data.slice(at, at + 3).join());
      return seen;
    };
    // What went back, and what classic calls would have cost, each in its own.
    const ink = (name: string): string =>
      getComputedStyle(devtools.find(`.ink-${name}`))
        .color.match(/\d+/g)
        ?.join() ?? "";
    await until(() => colours().has(ink("accent")) && colours().has(ink("warn")));
    expect(devtools.text(".head p")).toBe("3 runs, 3 tokens in the last minute");
  });

  test("the catalog finds tools and shows how programs call them", async () => {
    devtools.tab("Catalog");
    const search = devtools.find<HTMLInputElement>("input[type=search]");
    search.value = "doubles a number";
    search.dispatchEvent(new Event("input"));
    devtools.rows(/^Tools/)[0]?.click();
    await until(() => devtools.text("#main-catalog-panel h3") === "page.double");
    expect(devtools.text("[aria-label=Signature]")).toMatch(/double\(.*n: number/s);
    expect(devtools.text("#main-catalog-panel .muted")).toMatch(/the one tool: \d+/);
  });

  test("tabs are tabs: arrow keys move between them, and one is reached by Tab", () => {
    const tabs = [...devtools.root.querySelectorAll<HTMLElement>("[aria-label=Devtools] [role=tab]")];
    tabs[0]?.focus();
    for (const [name, label] of [
      ["ArrowRight", "Charts"],
      ["End", "Catalog"],
      ["ArrowRight", "Runs"],
      ["ArrowLeft", "Catalog"],
    ] as const) {
      devtools.root.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
      expect(devtools.root.activeElement?.textContent).toBe(label);
    }
    expect(tabs.map(({ tabIndex }) => tabIndex)).toEqual([-1, -1, -1, 0]);
    const panels = [...devtools.root.querySelectorAll<HTMLElement>(".main > [role=tabpanel]")];
    expect(panels.map(({ hidden }) => hidden)).toEqual([true, true, true, false]);
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
  const run = {
    runId: String(at),
    session: "default",
    kind: "javascript",
    resumed: false,
    options: {},
  } as const;
  for (const watch of watches) watch({ ...run, program });
}
