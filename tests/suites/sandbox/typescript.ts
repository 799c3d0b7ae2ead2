import { expect } from "vitest";
import { type SandboxCase, typescript } from "../sandbox-case.ts";

export const TYPESCRIPT_CASES: readonly SandboxCase[] = [
  typescript("strips interfaces, types, annotations and generics", async ({ value }) => {
    const code = `
      interface Row { readonly id: number; name?: string }
      type Named<T extends object = {}> = T & { name: string };
      const first = <T,>(items: readonly T[]): T | undefined => items[0];
      function isRow(value: unknown): value is Row { return typeof value === "object"; }
      const rows: Array<Named<Row>> = [{ id: 1, name: "a" }];
      const found: Row | undefined = first<Row>(rows);
      return isRow(found) ? found.id : -1;`;
    expect(await value(code)).toBe(1);
  }),
  typescript("strips as, satisfies, non-null and angle-bracket assertions", async ({ value }) => {
    const code = `
      const limits = { max: 3 } satisfies Record<string, number>;
      const pair = [1, "a"] as const;
      const text = <string>(pair[1] as unknown);
      return [limits.max!, pair, text];`;
    expect(await value(code)).toEqual([3, [1, "a"], "a"]);
  }),
  typescript("runs enums and parameter properties", async ({ value }) => {
    const code = `
      enum Level { Low, High = 5, Higher }
      enum Name { A = "a" }
      const enum Flag { One = 1 << 0, Two = 1 << 1 }
      class Point { constructor(public x: number, private readonly y?: number) {} }
      return [Level.Low, Level.High, Level.Higher, Level[5], Name.A, Flag.Two, new Point(7).x];`;
    expect(await value(code)).toEqual([0, 5, 6, "High", "a", 2, 7]);
  }),
  typescript("strips overloads, abstract members, declarations and type imports", async ({ value }) => {
    const code = `
      import type { Row } from "rows";
      declare const nowhere: number;
      function over(a: string): string;
      function over(a: number): string;
      function over(a: unknown): string { return String(a); }
      abstract class Base { abstract name(): string; protected value?: number; declare other: Row }
      class Child extends Base { override name(): string { return over(1); } }
      new Child().name();`;
    expect(await value(code)).toBe("1");
  }),
  typescript("takes plain JavaScript", async ({ value }) => {
    expect(await value("const a = [3, 1, 2]; return a.sort((x, y) => x < y ? -1 : 1)[0] < 2")).toBe(true);
  }),
  typescript("reads a program of 100,000 characters, and one that is none", async ({ value, error }) => {
    const long = `// ${"a".repeat(100_000)}\nconst n: number = 1;\n`;
    expect(await value(`${long}return n`)).toBe(1);
    expect(await error(`${long}let x = ;`)).toMatchObject({ name: "SyntaxError", line: 3 });
  }),
];
