import { describe, expect, test } from "vitest";
import { createCatalog } from "../../src/tools/catalog.ts";
import { NASTY_TOOLS } from "./fixtures/nasty-tools.ts";
import { fakeSource } from "./fixtures/tool-source.ts";

const GITHUB = fakeSource("github", [
  {
    name: "list_issues",
    description: "List issues in a repository.\nWith many words after the first sentence.",
    inputSchema: {
      type: "object",
      properties: { owner: { type: "string" }, repo: {}, state: {} },
      required: ["owner", "repo"],
    },
  },
  { name: "create-issue", description: "Open a new issue" },
  { name: "get_pull_request", description: "DEPRECATED: read one pull request" },
]);
const FILES = fakeSource("my-files", [
  { name: "read_file", description: "Read a file from disk" },
  { name: "read_file", description: "second" },
]);

describe("catalog", () => {
  test("gives every tool a ref, the first of a repeated name alone", () => {
    using catalog = createCatalog([GITHUB, FILES]);
    expect(catalog.tools.map((tool) => tool.ref)).toEqual([
      "github.list_issues",
      "github.create_issue",
      "github.get_pull_request",
      "my_files.read_file",
    ]);
    expect(catalog.tools[3]?.definition.description).toBe("Read a file from disk");
    expect(
      catalog.namespaces.map(({ namespace, source, tools }) => [namespace, source.id, tools.length]),
    ).toEqual([
      ["github", "github", 3],
      ["my_files", "my-files", 1],
    ]);
  });

  test("keeps search, describe and page for what they are, and parts sources with one id", () => {
    const ids = ["search", "describe", "page", "page!", "page", "a-b", "a_b", "then"];
    using catalog = createCatalog(ids.map((id) => fakeSource(id, [])));
    expect(catalog.namespaces.map(({ namespace }) => namespace)).toEqual([
      "search_2",
      "describe_2",
      "page",
      "page_2",
      "page_3",
      "a_b_2",
      "a_b",
      "then_",
    ]);
    using without = createCatalog([fakeSource("page.", [])]);
    expect(without.namespaces.map(({ namespace }) => namespace)).toEqual(["page_2"]);
  });

  test("finds a tool by ref and by its original spelling", () => {
    using catalog = createCatalog([GITHUB, FILES]);
    const paths = [
      "github.create_issue",
      "github.create-issue",
      "tools.github.create_issue",
      "my-files.read_file",
      "my_files.read_file",
    ];
    expect(paths.map((path) => catalog.find(path)?.ref)).toEqual([
      "github.create_issue",
      "github.create_issue",
      "github.create_issue",
      "my_files.read_file",
      "my_files.read_file",
    ]);
    expect(
      ["create_issue", "github.__proto__", "constructor", "", "."].map((path) => catalog.find(path)),
    ).toEqual(Array(5).fill(undefined));
  });

  test.each([
    ["github.list_isues", "github.list_issues"],
    ["gihtub.listIssues", "github.list_issues"],
    ["github.issues_list", "github.list_issues"],
    ["tools.files.read_file", "my_files.read_file"],
    ["readfile", "my_files.read_file"],
  ])("offers for %s the tool %s", (path, ref) => {
    using catalog = createCatalog([GITHUB, FILES]);
    expect(catalog.nearest(path, 1).map((tool) => tool.ref)).toEqual([ref]);
  });

  test("offers nothing for what resembles nothing", () => {
    using catalog = createCatalog([GITHUB, FILES]);
    expect(catalog.nearest("qqq.zzzzzzzzz")).toEqual([]);
  });

  test("follows its sources until it is disposed", () => {
    const source = fakeSource("one", [{ name: "a" }]);
    const catalog = createCatalog([source]);
    const before = catalog.version;
    let calls = 0;
    const stop = catalog.onChange(() => {
      calls += 1;
    });
    expect(catalog.search("a").map((hit) => hit.ref)).toEqual(["one.a"]);
    source.change({ tools: [{ name: "b" }] });
    expect([catalog.version - before, calls, catalog.tools.map((tool) => tool.ref)]).toEqual([
      1,
      1,
      ["one.b"],
    ]);
    expect(catalog.search("b").map((hit) => hit.ref)).toEqual(["one.b"]);
    stop();
    source.change({ tools: [] });
    expect([catalog.version - before, calls]).toEqual([2, 1]);
    catalog[Symbol.dispose]();
    catalog[Symbol.dispose]();
    expect(source.listeners.size).toBe(0);
  });

  test("takes nasty definitions as they come", () => {
    using catalog = createCatalog([fakeSource("nasty", NASTY_TOOLS)]);
    const names = new Set(NASTY_TOOLS.map((tool) => tool.name));
    expect(new Set(catalog.tools.map((tool) => tool.ref)).size).toBe(names.size);
    const lines = catalog.search("", { limit: 50 }).map((hit) => hit.line);
    expect(
      lines.filter((line) => /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(line) || line.length > 200),
    ).toEqual([]);
  });
});

describe("catalog.search", () => {
  test("answers one line a tool", () => {
    using catalog = createCatalog([GITHUB, FILES]);
    const [first] = catalog.search("issues of a repository");
    expect(first).toEqual({
      ref: "github.list_issues",
      line: "github.list_issues(owner, repo, state?) - List issues in a repository.",
      score: expect.closeTo(first?.score ?? 0, 3),
      available: true,
    });
  });

  test("marks what is deprecated or cannot be called", () => {
    const source = fakeSource("github", GITHUB.tools);
    using catalog = createCatalog([source]);
    source.change({
      status: { state: "unavailable", kind: "unreachable", message: "gone", hint: "start it" },
    });
    expect(
      catalog.search("pull request", { limit: 1 }).map(({ line, available }) => [line, available]),
    ).toEqual([
      ["github.get_pull_request() [unavailable, deprecated] - DEPRECATED: read one pull request", false],
    ]);
  });

  test("lists the first tools for an empty query and clamps the limit", () => {
    const many = fakeSource(
      "many",
      Array.from({ length: 80 }, (_, at) => ({ name: `tool_${at}`, description: "same words" })),
    );
    using catalog = createCatalog([GITHUB, many]);
    expect(catalog.search("  ", { limit: 2 }).map((hit) => [hit.ref, hit.score])).toEqual([
      ["github.list_issues", 0],
      ["github.create_issue", 0],
    ]);
    expect([-5, 0, 1.9, 1_000, Number.NaN].map((limit) => catalog.search("same", { limit }).length)).toEqual([
      1, 1, 1, 50, 10,
    ]);
    expect(catalog.search("", { limit: 3, namespace: "many" }).map((hit) => hit.ref)).toEqual([
      "many.tool_0",
      "many.tool_1",
      "many.tool_2",
    ]);
    expect(catalog.search("issue", { namespace: "many" })).toEqual([]);
  });

  test.each([
    ["listing all the issues", "github.list_issues"],
    ["createIssue", "github.create_issue"],
    ["FILES", "my_files.read_file"],
    ["repos", "github.list_issues"],
  ])("finds by %j first %s", (query, ref) => {
    using catalog = createCatalog([GITHUB, FILES]);
    expect(catalog.search(query)[0]?.ref).toBe(ref);
  });

  test("finds descriptions in scripts without spaces", () => {
    using catalog = createCatalog([
      fakeSource("zh", [
        { name: "a", description: "创建一个新的日历" },
        { name: "b", description: "搜索电子邮件" },
      ]),
    ]);
    expect(catalog.search("电子邮件").map((hit) => hit.ref)).toEqual(["zh.b"]);
  });
});
