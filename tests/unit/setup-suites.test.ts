import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { runSuites, tryAgain } from "../setup/suites.mjs";

vi.setConfig({ testTimeout: 120_000 });

const project = path.resolve(import.meta.dirname, "../..");
let root: string;

beforeEach(async () => {
  // Within the project, where the files find Vitest.
  await mkdir(path.join(project, "node_modules/.cache"), { recursive: true });
  root = await mkdtemp(path.join(project, "node_modules/.cache/suites-"));
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

/** Files of tests, each of which may ask how often it was loaded. */
async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, body] of Object.entries(files)) {
    const file = path.join(root, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(
      file,
      `import { appendFileSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
appendFileSync(${JSON.stringify(`${file}.loads`)}, "x");
const loads = readFileSync(${JSON.stringify(`${file}.loads`)}, "utf8").length;
${body}`,
    );
  }
}

const options = () => ({
  root,
  // The Node that runs this.
  env: { ...process.env, PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH}` },
  signal: new AbortController().signal,
  // Failures of these would look like ours.
  output: "capture" as const,
  quietMs: 10_000,
});

async function runAll() {
  // A root without a project's configuration: its own, which names nothing.
  await writeFile(
    path.join(root, "vitest.config.mjs"),
    "export default { test: { dir: '.', exclude: [], fileParallelism: false } };",
  );
  const outcomes = await runSuites({}, options());
  const failed = () =>
    [...outcomes.values()].filter(({ status }) => status === "failed").map(({ file, test }) => [file, test]);
  return { outcomes, failed };
}

test("what fails is tried once more, alone, and told when it passes then", async () => {
  await write({
    "a.test.ts": `describe("a part", () => test("is (sometimes) slow", () => expect(loads).toBe(2)));
test("is well", () => expect(loads).toBe(1));`,
    "b.test.ts": `beforeAll(() => expect(loads).toBe(2)); test("follows", () => {}); test.skip("left out", () => {});`,
    "c.test.ts": `test("is wrong", () => expect(1).toBe(2)); test("is well", () => {});`,
  });
  const { outcomes, failed } = await runAll();
  expect(failed()).toEqual([
    ["a.test.ts", "a part > is (sometimes) slow"],
    ["b.test.ts", undefined],
    ["c.test.ts", "is wrong"],
  ]);
  const mended = await tryAgain([], outcomes, options());
  expect(mended.map(({ file, test }) => [file, test])).toEqual([
    ["a.test.ts", "a part > is (sometimes) slow"],
    ["b.test.ts", undefined],
  ]);
  expect(failed()).toEqual([["c.test.ts", "is wrong"]]);
  const count = (status: string) => [...outcomes.values()].filter((one) => one.status === status).length;
  expect([count("passed"), count("failed"), count("skipped")]).toEqual([4, 1, 1]);
});

test.for([
  ["an attack", { "attacks/a.test.ts": `test("gets in", () => expect(loads).toBe(2));` }],
  [
    "an error outside of tests",
    {
      "a.test.ts": `if (loads === 1) setTimeout(() => { throw new Error("late"); }, 5);
test("waits", () => new Promise((resolve) => setTimeout(resolve, 200)));`,
    },
  ],
] as const)("%s is not tried again", async ([, files]) => {
  await write(files);
  const { outcomes, failed } = await runAll();
  expect(failed()).toHaveLength(1);
  expect(await tryAgain([], outcomes, options())).toEqual([]);
  expect(failed()).toHaveLength(1);
  const [name = ""] = Object.keys(files);
  expect(await readFile(path.join(root, `${name}.loads`), "utf8")).toBe("x");
});

test("a file in which Vitest hangs has failed, and the others run all the same", async () => {
  const hangs = `test("is well", () => {}); test("hangs", () => { if (loads === 1) for (;;); });`;
  await write({ "a.test.ts": hangs.padEnd(1_000), "b.test.ts": `test("is well", () => {});` });
  const { outcomes, failed } = await runAll();
  expect(failed()).toEqual([["a.test.ts", undefined]]);
  expect([...outcomes.values()].map(({ file, status }) => [file, status])).toContainEqual([
    "b.test.ts",
    "passed",
  ]);
  expect((await tryAgain([], outcomes, options())).map(({ file }) => file)).toEqual(["a.test.ts"]);
  expect([...outcomes.values()].map(({ status }) => status)).toEqual(["passed", "passed", "passed"]);
});

test("that nothing ran counts as a failure", async () => {
  const { failed } = await runAll();
  expect(failed()).toEqual([[undefined, undefined]]);
});
