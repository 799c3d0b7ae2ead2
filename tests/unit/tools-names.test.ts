import { describe, expect, test } from "vitest";
import { assignIdentifiers, identifierOf } from "../../src/tools/names.ts";
import { NASTY_TOOLS } from "./fixtures/nasty-tools.ts";
import { hasPython, pythonErrors, typescriptError } from "./fixtures/parse-signatures.ts";

describe("identifierOf", () => {
  test.each([
    ["list_issues", "list_issues"],
    ["API-post-page", "API_post_page"],
    ["_private", "_private"],
    ["créer une tâche", "creer_une_tache"],
    ["搜索_issues", "issues"],
    ["2fa.enable", "_2fa_enable"],
    ["  spaced!  ", "spaced"],
    ["delete", "delete_"],
    ["None", "None_"],
    ["lambda", "lambda_"],
    ["then", "then_"],
    ["constructor", "constructor_"],
    ["__proto__", "_proto_"],
    ["", "unnamed"],
  ])("of %j is %s", (name, identifier) => {
    expect(identifierOf(name)).toBe(identifier);
  });

  test("shortens long names to 64 characters that still differ", () => {
    const [first, second] = [identifierOf("a".repeat(300)), identifierOf(`${"a".repeat(300)}b`)];
    expect([first, second]).toEqual([
      expect.stringMatching(/^a{56}_[0-9a-z]{7}$/),
      expect.stringMatching(/^a{56}_[0-9a-z]{7}$/),
    ]);
    expect(first).not.toBe(second);
    expect(identifierOf("b".repeat(64))).toBe("b".repeat(64));
  });

  test("of a name without any usable letter is a stable hash", () => {
    expect(identifierOf("搜索")).toMatch(/^name_[0-9a-z]{7}$/);
    expect(identifierOf("搜索")).toBe(identifierOf("搜索"));
    expect(identifierOf("搜索")).not.toBe(identifierOf("创建"));
  });
});

describe("assignIdentifiers", () => {
  test("lets a name that is an identifier keep it, wherever it stands", () => {
    expect(Object.fromEntries(assignIdentifiers(["create-issue", "create.issue", "create_issue"]))).toEqual({
      "create-issue": "create_issue_2",
      "create.issue": "create_issue_3",
      create_issue: "create_issue",
    });
  });

  test("avoids what is taken and what it has given", () => {
    expect([...assignIdentifiers(["a-b", "a_b_2", "a.b", "search"], ["search", "a_b"]).values()]).toEqual([
      "a_b_3",
      "a_b_2",
      "a_b_4",
      "search_2",
    ]);
  });

  test("makes identifiers of any names that parse in both languages and are unique", () => {
    const names = [...new Set(NASTY_TOOLS.map((tool) => tool.name))];
    const identifiers = [...assignIdentifiers(names).values()];
    expect(new Set(identifiers).size).toBe(names.length);
    expect(identifiers.filter((identifier) => !/^[A-Za-z_]\w{0,63}$/.test(identifier))).toEqual([]);
    expect(
      typescriptError(identifiers.map((identifier) => `const ${identifier} = 1;`).join("\n")),
    ).toBeUndefined();
    if (hasPython())
      expect(
        pythonErrors(identifiers.map((identifier) => `${identifier} = 1`)).filter((error) => error !== null),
      ).toEqual([]);
  });
});
