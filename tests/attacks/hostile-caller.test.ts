// The model, or what wrote into its context, wants the engine to hang, to throw what it must not, or to
// leave something running: by what it passes to `execute`, `run` and the one tool.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createOptimizer } from "../../src/create-optimizer.ts";
import { benignValue, endOf, openTarget, type Target } from "./setup/target.ts";

let target: Target;
beforeAll(async () => {
  target = await openTarget();
});
afterAll(() => target[Symbol.asyncDispose]());

const cyclic: Record<string, unknown> = {};
cyclic["self"] = cyclic;
const trap = new Proxy(
  {},
  {
    get() {
      throw new Error("trap");
    },
    ownKeys() {
      throw new Error("trap");
    },
  },
);
const deepText = `${"[".repeat(5_000)}${"]".repeat(5_000)}`;

/** What is no request, whoever is asked. */
const garbage: readonly (readonly [string, unknown])[] = [
  ["nothing", undefined],
  ["null", null],
  ["a number", 7],
  ["NaN", Number.NaN],
  ["a text", "return 1"],
  ["a list", [{ code: "return 1" }]],
  ["an empty object", {}],
  ["a function", () => "return 1"],
  ["a symbol", Symbol("code")],
  ["a big number", 10n],
  ["a date", new Date()],
  ["a map", new Map([["code", "return 1"]])],
  ["code that is a number", { code: 1 }],
  ["code that is a list", { code: ["return 1"] }],
  ["code that is an object with toString", { code: { toString: () => "return 1" } }],
  ["code in the prototype", JSON.parse('{"__proto__":{"code":"return 1"}}')],
  ["an unknown language", { code: "return 1", language: "cobol" }],
  ["a language of the prototype", { code: "return 1", language: "__proto__" }],
  ["a language that is a list", { code: "return 1", language: ["javascript"] }],
  ["inputs that refer to themselves", { code: "return 1", inputs: cyclic }],
  ["inputs that are a function", { code: "return 1", inputs: () => 1 }],
  ["inputs that are too deep", { code: "return 1", inputs: JSON.parse(deepText) }],
  ["inputs with a big number", { code: "return 1", inputs: { a: 10n } }],
  ["a trap", trap],
];

const called = (): number => target.calls.length;

describe("the one tool", () => {
  test.for(garbage)("given %s answers what is wrong", async ([, input]) => {
    const before = called();
    const output = await target.optimizer.tool.execute(input);
    expect(output.status).toBe("threw");
    expect(output.status === "threw" && output.error.code).toBe(400);
    expect(called()).toBe(before);
  });
});

describe("run", () => {
  test.for(garbage)("given %s rejects with 400", async ([, input]) => {
    await expect(target.optimizer.run(input as never)).rejects.toMatchObject({ code: 400 });
  });

  const options: readonly (readonly [string, unknown])[] = [
    ["limits below their range", { limits: { timeoutMs: 0 } }],
    ["limits above their range", { limits: { memoryBytes: 2 ** 40 } }],
    ["limits that are no number", { limits: { timeoutMs: "500" } }],
    ["limits that are NaN", { limits: { timeoutMs: Number.NaN } }],
    ["limits without end", { limits: { timeoutMs: Number.POSITIVE_INFINITY } }],
    ["a session that is a number", { session: 7 }],
    ["a session without a name", { session: "" }],
    ["a session with an endless name", { session: "x".repeat(1e6) }],
  ];
  test.for(options)("with %s rejects with 400", async ([, given]) => {
    await expect(target.optimizer.run({ code: "return 1" }, given as never)).rejects.toMatchObject({
      code: 400,
    });
  });

  test("does not grow past the message for a program of many megabytes", async () => {
    await expect(target.optimizer.run({ code: `return "${"x".repeat(9e6)}"` })).rejects.toMatchObject({
      code: 429,
    });
  });

  test("started cancelled runs nothing", async () => {
    const before = called();
    expect(
      endOf(await target.run("await tools.page.echo({}); return 1", { signal: AbortSignal.abort() })),
    ).toBe("stopped/cancelled 408");
    expect(called()).toBe(before);
  });

  test("tells a listener that throws to nobody but the page, and goes on", async () => {
    const reported: string[] = [];
    const hear = (event: ErrorEvent): void => {
      reported.push(event.message);
      event.preventDefault();
      event.stopImmediatePropagation();
    };
    addEventListener("error", hear, { capture: true });
    const result = await target.run("return await tools.page.echo({ a: 1 })", {
      onEvent: () => {
        throw new Error("listener");
      },
    });
    removeEventListener("error", hear, { capture: true });
    expect(result).toMatchObject({ status: "returned", value: { a: 1 } });
    expect(reported.length).toBeGreaterThan(0);
    expect(reported.every((message) => message.includes("listener"))).toBe(true);
  });
});

describe("execute", () => {
  const requests: readonly (readonly [string, unknown])[] = [
    ...garbage.filter(
      ([name]) => !name.startsWith("code") && !name.startsWith("inputs") && !name.includes("language"),
    ),
    ["an intent of the prototype", { intent: "__proto__" }],
    ["an intent that is a constructor", { intent: "constructor.constructor" }],
    ["an intent that is a list", { intent: ["page.echo"] }],
    ["params that are a list", { intent: "page.echo", params: [] }],
    ["params that are a text", { intent: "run_code", params: "return 1" }],
    ["an intent with code in its name", { intent: "page.echo({}); return 666; //" }],
    ["a name of a megabyte", { intent: "x".repeat(1e6) }],
  ];
  test.for(requests)("given %s answers 400, and never rejects", async ([, request]) => {
    const before = called();
    const response = await target.optimizer.execute(request as never);
    expect(response).toMatchObject({ jsonrpc: "2.0", error: { code: 400 } });
    expect(JSON.stringify(response).length).toBeLessThan(10_000);
    expect(called()).toBe(before);
  });

  test("never takes params for code", async () => {
    const evil = { __proto__x: 1, a: '"}); await tools.page.fail({}); ({"', b: "${1}", c: "\u2028\u2029*/" };
    const response = await target.optimizer.execute({ intent: "page.echo", params: evil });
    expect(response).toMatchObject({ result: { value: evil } });
  });
});

test("control: nothing of all that is left running, and a good request works", async () => {
  expect(await benignValue(target)).toBe(42);
  expect(target.calls.every(({ signal }) => signal.aborted)).toBe(true);
});

test("options that make no sense open nothing", async () => {
  for (const options of [
    {},
    { servers: {} },
    { tools: { a: {} } },
    { tools: { a: { call: 1 } } },
    { tools: {}, limits: { timeoutMs: -1 } },
  ]) {
    await expect(createOptimizer(options as never)).rejects.toMatchObject({ code: 400 });
  }
  expect(
    [...document.querySelectorAll("iframe")].filter(({ title }) => title === "MCP Optimizer sandbox"),
  ).toHaveLength(1);
});
