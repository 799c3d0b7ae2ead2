// The devtools show what programs, servers and models wrote, to a person in the page's own origin. The attacker wants
// their markup to run there, the page to stand still, or a credential to be on the screen or in a file.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { McpOptimizerDevtools } from "../../src/devtools/index.ts";
import { createOptimizer, memory, type Optimizer, type PageTool } from "../../src/index.ts";

const MARKUP = `<img src=x onerror="globalThis.pwned=1"><script>pwned=1</script><a href="javascript:pwned=1">x</a>`;
const TOKEN = "sk-abcdefghijklmnopqrstuvwxyz012345";
const PASSWORD = "correct horse battery";

let answer: unknown;
let node: McpOptimizerDevtools;
let optimizer: Optimizer;

const tools: Record<string, PageTool> = {
  answer: { description: MARKUP, call: () => answer },
  fail: {
    call: () => {
      throw new Error(`${MARKUP} Bearer ${TOKEN}`);
    },
  },
  [MARKUP]: { description: MARKUP, call: () => MARKUP },
};

beforeEach(async () => {
  optimizer = await createOptimizer({ tools, context: memory() });
  node = new McpOptimizerDevtools();
  node.optimizer = optimizer;
  document.body.append(node);
});
afterEach(async () => {
  node.remove();
  await optimizer[Symbol.asyncDispose]();
});

function root(): ShadowRoot {
  return node.shadowRoot ?? expect.fail("There is no shadow root.");
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
}

const heading = (): string => root().querySelector(".detail-head h3")?.textContent ?? "";
const tab = (label: string): void => {
  for (const one of root().querySelectorAll<HTMLElement>("[role=tab]"))
    if (one.textContent === label) one.click();
};

/** Opens everything that there is to open, and reads all of it. */
async function readAll(): Promise<string> {
  const texts: string[] = [];
  const read = async (): Promise<void> => {
    await new Promise(requestAnimationFrame);
    for (let level = 0; level < 8; level += 1) {
      for (const details of root().querySelectorAll("details")) details.open = true;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const values = [...root().querySelectorAll<HTMLTextAreaElement>("textarea")].map(({ value }) => value);
    texts.push(root().textContent ?? "", ...values);
  };
  for (const label of ["Timeline", "Code", "Logs", "Result", "Run again"]) {
    tab(label);
    const calls =
      label === "Timeline" ? [...root().querySelectorAll<HTMLElement>(".timeline [role=option]")] : [];
    await read();
    for (const call of calls) {
      call.click();
      await read();
    }
  }
  return texts.join("\n");
}

/** What markup would have become, if anything had parsed it. */
const parsed = (): number => root().querySelectorAll("img, script, iframe, a, object, form[action]").length;

describe("who wants markup to run in the page", () => {
  test("by names, answers, errors, logs, code and values is shown as text", async () => {
    answer = { [MARKUP]: MARKUP, list: [{ [MARKUP]: MARKUP }, { [MARKUP]: MARKUP }] };
    const code = `// ${MARKUP}
console.log(${JSON.stringify(MARKUP)});
await tools.page.fail({ [${JSON.stringify(MARKUP)}]: 1 }).catch(() => 0);
await tools.page[${JSON.stringify(MARKUP)}]({}).catch(() => 0);
return await tools.page.answer({})`;
    await optimizer.run({ code }, { session: "s" });
    await until(() => heading() === "Run 1: returned");
    const text = await readAll();
    expect(text.split("onerror").length).toBeGreaterThan(6);
    expect(parsed()).toBe(0);
    tab("Sessions");
    tab("Catalog");
    await until(() => root().querySelectorAll("#main-catalog-panel [role=option]").length > 0);
    for (const hit of root().querySelectorAll<HTMLElement>("#main-catalog-panel [role=option]")) {
      hit.click();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(parsed()).toBe(0);
    expect(Reflect.get(globalThis, "pwned")).toBeUndefined();
    // Control: the same text does become elements where it is parsed.
    const control = document.implementation.createHTMLDocument();
    control.body.innerHTML = MARKUP;
    expect(control.querySelectorAll("img, script, a")).toHaveLength(3);
  });

  test("by keys such as __proto__ and constructor changes nothing but what is shown", async () => {
    answer = JSON.parse(
      '[{"__proto__":{"polluted":1},"constructor":"c","hasOwnProperty":1},{"toString":"t","__proto__":null}]',
    );
    await optimizer.run({ code: "return await tools.page.answer({})" });
    await until(() => heading() === "Run 1: returned");
    tab("Result");
    const heads = [...root().querySelectorAll("[role=tabpanel]:not([hidden]) th")].map(
      (one) => one.textContent,
    );
    expect(heads).toEqual(expect.arrayContaining(["constructor", "hasOwnProperty", "toString"]));
    expect(Reflect.get({}, "polluted")).toBeUndefined();
    const cells = [...root().querySelectorAll("[role=tabpanel]:not([hidden]) tbody tr:last-child td")].map(
      (one) => one.textContent,
    );
    // What a record has not itself stays empty, whatever every object inherits.
    expect(cells.filter((text) => text?.includes("native code"))).toEqual([]);
  });
});

describe("who wants the page to stand still", () => {
  test("by a huge answer, wide and with long texts: a part is shown", async () => {
    const wide = Object.fromEntries(Array.from({ length: 30_000 }, (_, at) => [`column ${at}`, at]));
    answer = { rows: Array.from({ length: 20_000 }, (_, at) => ({ at })), wide, long: "x".repeat(1_000_000) };
    await optimizer.run({ code: "await tools.page.answer({}); return 1" });
    await until(() => heading() === "Run 1: returned");
    await readAll();
    expect(root().querySelectorAll("*").length).toBeLessThan(4_000);
    expect((root().textContent ?? "").length).toBeLessThan(200_000);
    // Control: all of it is far more than that.
    expect(JSON.stringify(answer).length).toBeGreaterThan(1_500_000);
  });

  test("by an answer that nests as deep as a program can be given: it opens level by level", async () => {
    let deep: unknown = "bottom";
    for (let level = 0; level < 200; level += 1) deep = [deep];
    answer = deep;
    await optimizer.run({ code: "await tools.page.answer({}); return 1" });
    await until(() => heading() === "Run 1: returned");
    expect(root().querySelectorAll("[aria-label=Answer] details")).toHaveLength(2);
    await readAll();
    expect(root().querySelectorAll("details").length).toBeLessThan(40);
  });

  test("by more calls and log lines than anybody reads: a part is drawn", async () => {
    answer = 1;
    const code = `for (let n = 0; n < 1500; n += 1) console.log("line " + n);
for (let n = 0; n < 400; n += 1) await tools.page.answer({ n });
return 1`;
    await optimizer.run({ code }, { limits: { maxToolCalls: 500 } });
    await until(() => heading() === "Run 1: returned");
    expect(root().querySelectorAll(".timeline [role=option]").length).toBeLessThan(40);
    tab("Logs");
    expect(root().querySelectorAll("ol.logs li")).toHaveLength(1_000);
    expect(root().querySelector("[role=tabpanel]:not([hidden])")?.textContent).toContain(
      "500 lines more not shown",
    );
  });
});

describe("who wants a credential to be seen", () => {
  test("finds none on the screen or in the files, wherever it stood", async () => {
    answer = {
      user: "ann",
      password: PASSWORD,
      nested: [
        { api_key: PASSWORD, n: 1 },
        { api_key: PASSWORD, n: 2 },
      ],
      note: `use ${TOKEN}`,
    };
    const code = `const token = await tools.page.answer({ secret: ${JSON.stringify(PASSWORD)}, header: "Bearer ${TOKEN}" });
console.log("token: ${TOKEN}");
const password = "${PASSWORD}";
const visible = "in sight";
await tools.page.fail({}).catch(() => 0);
return token`;
    await optimizer.run({ code, inputs: { authorization: PASSWORD } });
    await until(() => heading() === "Run 1: returned");
    const files: Promise<string>[] = [];
    const click = HTMLAnchorElement.prototype.click;
    HTMLAnchorElement.prototype.click = function (this: HTMLAnchorElement) {
      files.push(fetch(this.href).then((response) => response.text()));
    };
    for (const button of root().querySelectorAll("button"))
      if (/^Save as/.test(button.textContent ?? "")) button.click();
    HTMLAnchorElement.prototype.click = click;
    const saved = await Promise.all(files);
    const shown = await readAll();
    expect(saved).toHaveLength(2);
    for (const text of [shown, ...saved]) {
      expect(text).not.toContain(TOKEN);
      expect(text).not.toContain(PASSWORD);
      // Control: what is no credential is there, code around credentials too.
      expect(text).toContain("in sight");
      expect(text).toContain("[redacted]");
      expect(text).toContain("const token = await tools.page.answer");
    }
  });

  test("by a run again: a program that was not changed keeps its own, unseen", async () => {
    answer = 1;
    const seen: unknown[] = [];
    const stop = optimizer.watchRuns(({ program }) => {
      seen.push(program?.code);
      return undefined;
    });
    const code = `const password = "${PASSWORD}"; return password.length`;
    await optimizer.run({ code });
    await until(() => heading() === "Run 1: returned");
    tab("Run again");
    expect(root().querySelector("textarea")?.value).not.toContain(PASSWORD);
    root().querySelector<HTMLButtonElement>("form button")?.click();
    await until(() => heading() === "Run 2: returned");
    stop();
    expect(seen).toEqual([code, code]);
  });
});
