import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Program } from "../../src/protocol/guest-protocol.ts";
import type { ProgramParser } from "../../src/sandbox/program-parser.ts";

/** A program that nobody runs. */
export const program = (code: string, language: Program["language"] = "javascript"): Program => ({
  language,
  code,
  inputs: "{}",
});
/** Of whoever waits to the end. */
export const never = new AbortController().signal;

/** Longer than what the parser reads for everybody. */
const LONG = `${"f(1);\n".repeat(60_000)}let x = ;`;

/** Holds a parser to what every parser does. */
export function programParserSuite(name: string, create: () => ProgramParser & AsyncDisposable): void {
  describe(`parser: ${name}`, () => {
    let parser: ReturnType<typeof create>;
    beforeEach(() => {
      parser = create();
    });
    afterEach(() => parser[Symbol.asyncDispose]());

    test("parses values, types, errors and any letters, all at once", async () => {
      const programs = [
        program("const a = 1;\na + 1"),
        program("interface A { a: number }\nlet größe: A", "typescript"),
        program("let a = ;"),
        program("let größe = '\u{1f94a}\u2028';"),
        program(""),
      ];
      const filename = "program.js";
      const expected = [
        {
          filename,
          source: "(async()=>{\nconst a = 1;\nreturn a + 1\n})()",
          returns: { line: 2, column: 0 },
        },
        {
          filename: "program.ts",
          source: expect.stringMatching(/^\(async\(\)=>\{\n\s*let größe\s*\n\}\)\(\)$/),
          map: expect.any(String),
        },
        {
          name: "SyntaxError",
          kind: "syntax",
          message: "Unexpected token",
          line: 1,
          column: 9,
          hint: expect.stringContaining("typescript"),
        },
        { filename, source: "(async()=>{\nlet größe = '\u{1f94a}\u2028';\n})()" },
        { filename, source: "(async()=>{\n\n})()" },
      ];
      expect(await Promise.all(programs.map((one) => parser.parse(one, never)))).toEqual(expected);
      // The second time they are remembered.
      expect(await Promise.all(programs.map((one) => parser.parse(one, never)))).toEqual(expected);
    });

    test("a short program is read while a long one is", async () => {
      const ended: string[] = [];
      const long = parser.parse(program(LONG), never).then((error) => {
        ended.push("long");
        return error;
      });
      const short = parser.parse(program("1"), never).then(() => ended.push("short"));
      await Promise.all([long, short]);
      expect(await long).toMatchObject({ kind: "syntax", line: 60_001 });
      expect(ended).toEqual(["short", "long"]);
    });

    test("whoever gives up is let go at once, and others are answered", async () => {
      await parser.prepare();
      const leaving = new AbortController();
      const given = parser.parse(program("given + up"), leaving.signal);
      const other = parser.parse(program("other"), never);
      leaving.abort(new Error("nobody waits"));
      await expect(given).rejects.toThrow("nobody waits");
      expect(await other).toMatchObject({ source: "(async()=>{\nreturn other\n})()" });
      await expect(parser.parse(program("late"), leaving.signal)).rejects.toThrow("nobody waits");
    });
  });
}
