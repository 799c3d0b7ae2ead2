import { expect } from "vitest";
import type { ProgramError } from "../../../src/protocol/guest-protocol.ts";
import { recordingPort } from "../recording-port.ts";
import { javascript, type SandboxCase, typescript } from "../sandbox-case.ts";

/** Engines point at different parts of one expression or statement: the position must lie on the text of it. */
function expectAt(error: ProgramError, code: string, expression: string): void {
  const offset = code.lastIndexOf(expression);
  const before = code.slice(0, offset).split("\n");
  const line = before.length;
  const column = (before.at(-1) ?? "").length + 1;
  expect({ line: error.line }).toEqual({ line });
  expect(error.column).toBeGreaterThanOrEqual(column);
  expect(error.column).toBeLessThan(column + expression.length);
}

const failing = () =>
  recordingPort(() => ({
    ok: false,
    error: {
      name: "ToolError",
      message: "the shop is closed",
      kind: "tool_error",
      code: 500,
      hint: "Come back at nine.",
      tool: "srv.buy",
      server: "srv",
    },
  }));

const TYPES = `interface Row {
  readonly id: number;
  names?: Array<
    string
  >;
}
type Table<
  T extends Row = Row,
> = {
  rows: T[];
};
enum Level {
  Low,
  High,
}
`;

export const POSITION_CASES: readonly SandboxCase[] = [
  javascript("locates a thrown error, with the frames of the program alone", async ({ error }) => {
    const code =
      "const check = (n) => {\n  if (n > 1) throw new RangeError('too far');\n};\n\n  check(2);\nreturn 1";
    const thrown = await error(code);
    expect(thrown).toMatchObject({ name: "RangeError", message: "too far", kind: "exception" });
    expectAt(thrown, code, "throw new RangeError('too far')");
    const frames = (thrown.stack ?? "").split("\n").map((line) => /:(\d+):\d+\)?$/.exec(line)?.[1]);
    expect(frames).toEqual(["2", "5"]);
  }),
  javascript("locates a name that does not exist", async ({ error }) => {
    const code = "const a = 1;\nconst b = a + missing;\nreturn b";
    const thrown = await error(code);
    expect(thrown).toMatchObject({
      name: "ReferenceError",
      // The latter are the words of WebKit's own engine.
      message: expect.stringMatching(/^(?:missing is not defined|Can't find variable: missing)$/),
    });
    expectAt(thrown, code, "missing");
  }),
  javascript("locates an error in the last expression on its own text", async ({ error }) => {
    for (const code of [
      "missing.field",
      "  missing.field",
      "const a = 1; missing.field",
      "const a = 1;\n\n    missing.field",
      "const a = 1; // a\n/* b */ [1].map(() => missing.field)",
    ]) {
      expectAt(await error(code), code, "missing.field");
    }
  }),
  javascript("locates an error on later lines of the last expression", async ({ error }) => {
    const code = "[1, 2]\n  .map((n) => n + 1)\n  .map((n) => missing(n))";
    expectAt(await error(code), code, "missing(n)");
  }),
  javascript("locates an error after an await and in a timer", async ({ error }) => {
    const later = "const f = async () => {\n  await null;\n  throw new Error('later');\n};\nawait f()";
    expectAt(await error(later), later, "throw new Error('later')");
    const timer =
      "setTimeout(() => {\n  throw new Error('in a timer');\n}, 1);\nawait new Promise((done) => setTimeout(done, 5000));";
    expectAt(await error(timer), timer, "throw new Error('in a timer')");
  }),
  javascript("locates syntax errors", async ({ error }) => {
    const unfinished = "const a = 1;\nconst b = ;\nreturn b";
    expect(await error(unfinished)).toMatchObject({
      name: "SyntaxError",
      kind: "syntax",
      line: 2,
      column: 11,
    });
    const twice = "let a = 1;\nlet   a = 2;";
    expect(await error(twice)).toMatchObject({ kind: "syntax", line: 2, column: 7 });
  }),
  javascript("hints at TypeScript for types, and at tools for imports", async ({ error }) => {
    expect(await error("const a: number = 1")).toMatchObject({
      kind: "syntax",
      line: 1,
      column: 8,
      hint: expect.stringContaining("typescript"),
    });
    expect(await error("import fs from 'node:fs'")).toMatchObject({
      kind: "syntax",
      line: 1,
      hint: expect.stringContaining("tools.<server>"),
    });
  }),
  javascript("locates a tool error that nobody caught", async ({ error }) => {
    const code = "const cart = { id: 1 };\n  await tools.srv.buy(cart);\nreturn 1";
    const thrown = await error(code, { port: failing() });
    expect(thrown).toMatchObject({
      name: "ToolError",
      message: "the shop is closed",
      kind: "tool_error",
      hint: "Come back at nine.",
    });
    expectAt(thrown, code, "await tools.srv.buy(cart)");
  }),
  javascript("locates the failing call of several, and one in the last expression", async ({ error }) => {
    const several = "await Promise.all([\n  Promise.resolve(1),\n  tools.srv.buy({}),\n]);\nreturn 1";
    expectAt(await error(several, { port: failing() }), several, "tools.srv.buy({})");
    const last = "const a = 1; await tools.srv.buy({ a })";
    expectAt(await error(last, { port: failing() }), last, "await tools.srv.buy({ a })");
  }),
  javascript("locates arguments that JSON can't hold", async ({ error }) => {
    const code = "const a = 1;\nawait tools.srv.buy({ deep: [1n] });\nreturn a";
    const thrown = await error(code);
    expect(thrown.message).toBe(
      "args.deep[0] is a BigInt, which JSON can't hold: convert it with Number() or String()",
    );
    expectAt(thrown, code, "await tools.srv.buy({ deep: [1n] })");
  }),
  javascript("tells a thrown value that is no error", async ({ error }) => {
    expect(await error("throw 'plain'")).toEqual({ name: "Error", message: "plain", kind: "exception" });
    expect(await error("throw { reason: 1 }")).toEqual({
      name: "Error",
      message: '{"reason":1}',
      kind: "exception",
    });
    expect(await error("throw null")).toEqual({ name: "Error", message: "null", kind: "exception" });
  }),
  typescript("locates errors behind types of several lines", async ({ error }) => {
    const thrown = `${TYPES}const go = (row: Row, level: Level = Level.High): never => {\n  throw new TypeError(String(row.id));\n};\ngo({ id: 1 } as Row);`;
    expectAt(await error(thrown), thrown, "throw new TypeError(String(row.id))");
    const missing = `${TYPES}const table: Table = { rows: [] };\nreturn missing(table)`;
    expectAt(await error(missing), missing, "return missing(table)");
  }),
  typescript("locates errors behind types on the same line", async ({ error }) => {
    for (const code of [
      "const a: number = 1 as number; missing(a)",
      "let a: Array<{ x: number }> = []; missing(a!)",
      "const f = (r: { a?: string }): number => r.a!.length; return f({} as { a?: string }) + missing(1)",
    ]) {
      const expression = code.includes("length;") ? "r.a!.length" : code.slice(code.indexOf("missing"));
      expectAt(await error(code), code, expression);
    }
  }),
  typescript("locates a tool error that nobody caught behind types", async ({ error }) => {
    const code = `${TYPES}const bought: Row = (await tools.srv.buy({ id: 1 } satisfies Row)) as Row;\nreturn bought`;
    expectAt(await error(code, { port: failing() }), code, "tools.srv.buy({ id: 1 } satisfies Row)");
  }),
  typescript("locates syntax errors in the text as it was written", async ({ error }) => {
    expect(await error(`${TYPES}const a: = 1`)).toMatchObject({ kind: "syntax", line: 16, column: 10 });
    expect(await error("let a: number = 1;\nlet   a = 2;")).toMatchObject({
      kind: "syntax",
      line: 2,
      column: 7,
    });
    expect(await error("let a: number = 1; let a = 2;")).toMatchObject({
      kind: "syntax",
      line: 1,
      column: 24,
    });
  }),
];
