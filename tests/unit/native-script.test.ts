import { parse } from "acorn";
import { expect, test } from "vitest";
import type { PreparedProgram } from "../../src/protocol/prepared-program.ts";
import { prepareProgram } from "../../src/runtimes/javascript-program.ts";
import { nativeScript, toProgramStack } from "../../src/runtimes/native-script.ts";
import { locateInProgram } from "../../src/runtimes/program-places.ts";
import { stripTypes } from "../../src/runtimes/strip-types.ts";

function prepare(code: string, language: "javascript" | "typescript" = "javascript"): PreparedProgram {
  const prepared = prepareProgram(language, code, stripTypes);
  if (!("source" in prepared)) expect.fail(JSON.stringify(prepared));
  return prepared;
}

/** The script's last statement, which must hold all of the program. */
function lastStatement(code: string): string {
  const script = nativeScript(prepare(code));
  const last = parse(script, { ecmaVersion: "latest" }).body.at(-1);
  return script.slice(last?.start, last?.end);
}

test.for([
  "1",
  "",
  "return 1",
  "await 1",
  "// })",
  "1 // })",
  "/* */ 1 /* ",
  "'use strict'; with_ = 1",
  "<!-- a comment\n1",
  "--> a comment\n1",
  "#!/bin/node\n1",
  "var a; function f() {} let b; class C {}",
  "label: for (;;) break label",
  "`${'`'}`",
  "return this",
  "typeof arguments",
  "//# sourceURL=https://evil.example/x.js",
  "\u2028 1 \u2029",
])("a program stays inside its function: %j", (code) => {
  const prepared = prepareProgram("javascript", code, stripTypes);
  // What does not parse as the whole body of a function never becomes part of a script.
  if (!("source" in prepared)) return expect(prepared).toMatchObject({ kind: "syntax" });
  const statement = lastStatement(code);
  expect(statement.startsWith("startProgram(()=>(async()=>{\n")).toBe(true);
  expect(statement.endsWith("\n})());")).toBe(true);
});

test.for([
  "})()); evil(); (()=>(async()=>{",
  "}); evil(",
  "new.target",
  "super.x",
  "import 'x'",
  "export {}",
])("what would leave it is a syntax error: %s", (code) => {
  expect(prepareProgram("javascript", code, stripTypes)).toMatchObject({
    name: "SyntaxError",
    kind: "syntax",
  });
});

test("the script names itself last, whatever the program calls itself", () => {
  expect(nativeScript(prepare("1 //# sourceURL=x.js")).trimEnd()).toMatch(/\n\/\/# sourceURL=program\.js$/);
  expect(nativeScript(prepare("1", "typescript")).trimEnd()).toMatch(/\n\/\/# sourceURL=program\.ts$/);
});

test("stacks of every engine become frames of the program, as it counts its lines", () => {
  const program = prepare("const f = () => {\n  throw new Error('x');\n};\nf()");
  const script = nativeScript(program);
  const lines = script.split("\n");
  const row = lines.findLastIndex((line) => line.includes("throw new")) + 1;
  const call = lines.findLastIndex((line) => line.includes("return f()")) + 1;
  const chromium = `Error: x\n    at f (program.js:${row}:9)\n    at async program.js:${call}:8\n    at Array.map (<anonymous>)\n    at m (program.js:1:90)`;
  const firefox = `f@blob:null/0f3c:${row}:9\n@blob:null/0f3c:${call}:8\nm@blob:null/0f3c:1:90\n`;
  for (const stack of [chromium, firefox]) {
    expect(locateInProgram(toProgramStack(stack, program), program)).toEqual({
      line: 2,
      column: 9,
      stack: "    at f (program.js:2:9)\n    at <anonymous> (program.js:4:1)",
    });
  }
});

test("a stack without a place in the program gives none", () => {
  const program = prepare("1");
  for (const stack of [
    "",
    "    at f (https://example.com/x.js:5:5)",
    "    at m (program.js:1:5)",
    "garbage\n@@@",
  ]) {
    expect(locateInProgram(toProgramStack(stack, program), program)).toEqual({});
  }
});
