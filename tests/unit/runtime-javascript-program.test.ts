import { expect, test } from "vitest";
import type { PreparedProgram } from "../../src/protocol/prepared-program.ts";
import { prepareProgram } from "../../src/runtimes/javascript-program.ts";
import { prepareNodeProgram } from "../../src/runtimes/node-parser.ts";
import { locateInProgram } from "../../src/runtimes/program-places.ts";
import { stripTypes } from "../../src/runtimes/strip-types.ts";

function prepare(code: string, language: "javascript" | "typescript" = "javascript"): PreparedProgram {
  const prepared = prepareProgram(language, code, stripTypes);
  if (!("source" in prepared)) expect.fail(JSON.stringify(prepared));
  return prepared;
}

/** Where the engine would say that a text of the prepared source stands. */
function placeOf(source: string, text: string): string {
  const before = source.slice(0, source.lastIndexOf(text)).split("\n");
  return `${before.length}:${(before.at(-1) ?? "").length + 1}`;
}

function located(code: string, text: string, language: "javascript" | "typescript" = "javascript") {
  const program = prepare(code, language);
  const { source, filename } = program;
  return locateInProgram(
    `    at f (${filename}:${placeOf(source, text)})\n    at <eval> (${filename}:1:1)\n`,
    program,
  );
}

test("a program becomes one function whose value is its last expression", () => {
  expect(prepare("const a = 1;\na + 1").source).toBe("(async()=>{\nconst a = 1;\nreturn a + 1\n})()");
  expect(prepare("a;;\n").source).toBe("(async()=>{\nreturn a;;\n\n})()");
  expect(prepare("return 1").source).toBe("(async()=>{\nreturn 1\n})()");
  expect(prepare("").source).toBe("(async()=>{\n\n})()");
  expect(prepare("#!/bin/node\n1").source).toBe("(async()=>{\n//#!/bin/node\nreturn 1\n})()");
});

test("nothing in the text gets out of the function", () => {
  for (const code of ["})(); (async()=>{", "} evil(); {", "*/ 1", "`"]) {
    expect(prepareProgram("javascript", code, stripTypes)).toMatchObject({
      name: "SyntaxError",
      kind: "syntax",
    });
  }
  expect(prepare("1 // })()").source).toBe("(async()=>{\nreturn 1 // })()\n})()");
});

test("positions lead back to the text as it was written, past the inserted word", () => {
  expect(located("boom()", "boom")).toMatchObject({ line: 1, column: 1 });
  expect(located("  a.b.boom()", "boom")).toMatchObject({ line: 1, column: 7 });
  expect(located("let x; boom()", "boom")).toMatchObject({ line: 1, column: 8 });
  expect(located("let boom1; x", "boom1")).toMatchObject({ line: 1, column: 5 });
  expect(located("[1]\n  .map(boom)", "boom")).toMatchObject({ line: 2, column: 8 });
  expect(located("boom();\nx", "boom")).toMatchObject({ line: 1, column: 1 });
});

test("a position on the inserted word is one on the expression", () => {
  expect(located("let x;  boom()", "return boom")).toMatchObject({ line: 1, column: 9 });
  expect(located("boom()", "turn boom")).toMatchObject({ line: 1, column: 1 });
});

test("positions lead back through types", () => {
  const code = "interface A {\n  a: number;\n}\nconst x: A = { a: 1 }; boom(x as A)";
  expect(located(code, "boom", "typescript")).toMatchObject({ line: 4, column: 24 });
  expect(located("enum E {\n  A,\n}\nboom(E.A)", "boom", "typescript")).toMatchObject({ line: 4, column: 1 });
});

test("only frames of the program are kept", () => {
  const program = prepare("f()");
  const stack = [
    "    at request (prelude.js:120:10)",
    "    at inner (program.js:2:8)",
    "    at <anonymous> (program.js:2:8)",
    "    at <eval> (program.js:3:1)",
    "    at native",
    "nonsense (program.js)",
  ].join("\n");
  expect(locateInProgram(stack, program)).toEqual({
    line: 1,
    column: 1,
    stack: "    at inner (program.js:1:1)\n    at <anonymous> (program.js:1:1)",
  });
  expect(locateInProgram("", program)).toEqual({});
});

test("syntax errors stand where they are, counted from 1", () => {
  expect(prepareProgram("javascript", "let a = ;", stripTypes)).toEqual({
    name: "SyntaxError",
    kind: "syntax",
    message: "Unexpected token",
    line: 1,
    column: 9,
    hint: 'If the program holds types, send it with language: "typescript".',
  });
  expect(prepareProgram("typescript", "let a: number = 1;\n  let a = 2;", stripTypes)).toEqual({
    name: "SyntaxError",
    kind: "syntax",
    message: "Identifier 'a' has already been declared",
    line: 2,
    column: 7,
  });
});

test("an import is answered with the way to tools, a name that only sounds like it is not", () => {
  expect(prepareProgram("typescript", "import fs from 'fs'", stripTypes)).toMatchObject({
    hint: expect.stringContaining("tools.<server>.<tool>"),
  });
  expect(prepareProgram("typescript", "let imports; let imports;", stripTypes)).not.toHaveProperty("hint");
});

test("who declares an import in Node is told how to load one", () => {
  const hint = expect.stringContaining('await import("node:fs")');
  expect(prepareNodeProgram("javascript", 'import fs from "node:fs"; fs')).toMatchObject({ hint });
});
