import { expect } from "vitest";
import { javascript, type SandboxCase } from "../sandbox-case.ts";

export const VALUE_CASES: readonly SandboxCase[] = [
  javascript("returns every kind of JSON", async ({ value }) => {
    const all = {
      text: 'é😀\u0000"\\',
      number: -1.5e300,
      whole: 42,
      yes: true,
      no: false,
      none: null,
      list: [[], [1]],
      object: { a: {} },
    };
    expect(await value("return inputs", { inputs: all })).toEqual(all);
  }),
  javascript("writes dates as ISO text, and an impossible date as null", async ({ value }) => {
    expect(await value("return [new Date(0), new Date(NaN)]")).toEqual(["1970-01-01T00:00:00.000Z", null]);
  }),
  javascript(
    "writes maps with text keys as objects, other maps as pairs, sets as lists",
    async ({ value }) => {
      const code = "return { named: new Map([['a', new Set([1, 2])]]), numbered: new Map([[1, 'x']]) }";
      expect(await value(code)).toEqual({ named: { a: [1, 2] }, numbered: [[1, "x"]] });
    },
  ),
  javascript("writes bytes as an object that says so", async ({ value }) => {
    const bytes = { type: "bytes", byteLength: 3, base64: "AQL/" };
    const code =
      "const b = new Uint8Array([1, 2, 255]); return [b, b.buffer, new DataView(b.buffer), b.subarray(1, 2)]";
    expect(await value(code)).toEqual([
      bytes,
      bytes,
      bytes,
      { type: "bytes", byteLength: 1, base64: "Ag==" },
    ]);
  }),
  javascript(
    "leaves out fields that are undefined, functions or symbols, and writes them as null in lists",
    async ({ value }) => {
      const code =
        "return { a: undefined, b() {}, c: Symbol('s'), d: [undefined, () => 1, Symbol('s')], e: 1 }";
      expect(await value(code)).toEqual({ d: [null, null, null], e: 1 });
    },
  ),
  javascript("writes NaN and the infinities as null, and minus zero as zero", async ({ value }) => {
    expect(await value("return [NaN, Infinity, -Infinity, -0]")).toEqual([null, null, null, 0]);
  }),
  javascript("writes errors as their name and message, and asks toJSON first", async ({ value }) => {
    const code = "return [new RangeError('far'), { toJSON: () => 'mine' }]";
    expect(await value(code)).toEqual([{ name: "RangeError", message: "far" }, "mine"]);
  }),
  javascript("refuses a BigInt and says where it is", async ({ error }) => {
    expect(await error("return { rows: [{ id: 1n }] }")).toEqual({
      name: "TypeError",
      kind: "invalid_value",
      message: "value.rows[0].id is a BigInt, which JSON can't hold: convert it with Number() or String()",
    });
  }),
  javascript("refuses a cycle and says where it is, but takes one object twice", async ({ error, value }) => {
    expect(await error("const a = {}; a.b = { c: [a] }; return a")).toEqual({
      name: "TypeError",
      kind: "invalid_value",
      message: "value.b.c[0] refers back to an object around it, which JSON can't hold",
    });
    expect(await value("const a = { x: 1 }; return [a, a]")).toEqual([{ x: 1 }, { x: 1 }]);
  }),
  javascript("refuses a promise that nobody awaited inside the value", async ({ error }) => {
    expect(await error("return { rows: tools.srv.list({}) }")).toMatchObject({
      kind: "invalid_value",
      message: "value.rows is a promise that nobody awaited: write await before the call",
    });
  }),
  javascript("refuses what nests deeper than 200 levels", async ({ error, value }) => {
    const nested = (levels: number): string =>
      `let a = 1; for (let i = 0; i < ${levels}; i += 1) a = [a]; return a`;
    expect(JSON.stringify(await value(nested(200)))).toBe(`${"[".repeat(200)}1${"]".repeat(200)}`);
    expect(await error(nested(201))).toMatchObject({
      kind: "invalid_value",
      message: expect.stringContaining("deeper than 200"),
    });
  }),
  javascript("keeps a field named __proto__ a field", async ({ value }) => {
    expect(Object.entries(Object(await value('return JSON.parse(\'{"__proto__":{"a":1}}\')')))).toEqual([
      ["__proto__", { a: 1 }],
    ]);
  }),
  javascript("gives what return gives", async ({ value }) => {
    expect(await value("if (inputs.n > 1) return 'big'; return 'small'", { inputs: { n: 2 } })).toBe("big");
    expect(await value("return Promise.resolve(5)")).toBe(5);
    expect(await value("return")).toBe(null);
  }),
  javascript("gives the last expression when nothing returns", async ({ value }) => {
    expect(await value("const rows = [1, 2, 3];\nrows.length")).toBe(3);
    expect(await value("await tools.srv.echo({ x: 1 });;\n// done\n")).toEqual({ x: 1 });
    expect(await value("({ a: 1 })")).toEqual({ a: 1 });
    expect(await value("`a\n` + 2")).toBe("a\n2");
  }),
  javascript("gives null when there is neither", async ({ value }) => {
    for (const code of ["", "// nothing", "const x = 1", "if (true) { 5 }"])
      expect(await value(code)).toBe(null);
  }),
  javascript("awaits at the top level, in loops and in blocks", async ({ value }) => {
    const code = `
      const seen = [];
      for (const n of [1, 2]) { const { n: same } = await tools.srv.echo({ n }); seen.push(same); }
      for await (const { n } of [tools.srv.echo({ n: 3 })]) seen.push(n);
      if (seen.length === 3) { seen.push(await Promise.resolve(4)); }
      return seen`;
    expect(await value(code)).toEqual([1, 2, 3, 4]);
  }),
  javascript("hands the caller's data in as inputs and params", async ({ value }) => {
    expect(await value("return [inputs.a, params.a, inputs === params]", { inputs: { a: "é" } })).toEqual([
      "é",
      "é",
      true,
    ]);
  }),
];
