import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(path.join(root, file), "utf8");
const model = read("THREAT_MODEL.md");

interface Row {
  readonly vector: string;
  readonly files: readonly string[];
  readonly test: string;
  readonly name: string;
}

/** The rows of the table of vectors. */
function rowsOf(text: string): readonly Row[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| vector"))
    .map((line) => {
      const [vector = "", , files = "", cited = ""] = line.slice(2, -2).split(" | ");
      const [, test = "", name = ""] = /^(\S+): (.+)$/.exec(cited) ?? [];
      return { vector, files: files.split(", "), test, name };
    });
}

/** Whether a row's files are there and its test has the cited name. */
function problemsOf({ files, test, name }: Row): readonly string[] {
  const missing = [...files, test].filter((file) => {
    try {
      return read(file) === "";
    } catch {
      return true;
    }
  });
  if (missing.length > 0) return missing;
  return name !== "" && read(test).includes(`"${name}"`) ? [] : [`${test}: ${name}`];
}

describe("THREAT_MODEL.md", () => {
  test.for(rowsOf(model))("$vector: its files and its test exist", (row) => {
    expect(problemsOf(row)).toEqual([]);
  });

  test("cites every file of attacks", () => {
    const attacks = readdirSync(path.join(root, "tests/attacks")).filter((file) => file.endsWith(".test.ts"));
    expect(attacks.length).toBeGreaterThan(5);
    expect(attacks.filter((file) => !model.includes(`tests/attacks/${file}`))).toEqual([]);
  });

  test("every file of attacks has a control that shows its detector at work", () => {
    const attacks = readdirSync(path.join(root, "tests/attacks")).filter((file) => file.endsWith(".test.ts"));
    expect(attacks.filter((file) => !/control/i.test(read(`tests/attacks/${file}`)))).toEqual([]);
  });

  test("a row with a missing file, test or name is found", () => {
    const [good] = rowsOf(model);
    if (good === undefined) throw new Error("The table is empty.");
    expect(problemsOf({ ...good, files: ["src/nothing.ts"] })).toEqual(["src/nothing.ts"]);
    expect(problemsOf({ ...good, name: "no such test" })).toEqual([`${good.test}: no such test`]);
    expect(problemsOf({ ...good, test: "tests/attacks/nothing.test.ts" })).toHaveLength(1);
  });
});
