import { expect, test } from "vitest";
import { createOptimizer } from "../../src/create-optimizer.ts";

test("programs of one session share their context in whatever language they are", async () => {
  await using optimizer = await createOptimizer({ tools: { ping: { call: async () => "pong" } } });
  const value = async (
    language: "javascript" | "python",
    code: string,
    session: string,
  ): Promise<unknown> => {
    const result = await optimizer.run({ language, code }, { session });
    return result.status === "returned" ? result.value : result;
  };
  await value(
    "javascript",
    'await context.set("a", { list: [1, 2.5, "é", null], bytes: new Uint8Array([1, 2]) })',
    "s",
  );
  expect(
    await value(
      "python",
      "a = await context.get('a')\nawait context.set('b', {'seen': a['list'], 'bytes': a['bytes'] + b'\\x03'})\n[a['list'], list(a['bytes']), await context.get('nothing')]",
      "s",
    ),
  ).toEqual([[1, 2.5, "é", null], [1, 2], null]);
  expect(
    await value(
      "javascript",
      'const b = await context.get("b"); return [b.seen, [...b.bytes], await context.keys()]',
      "s",
    ),
  ).toEqual([
    [1, 2.5, "é", null],
    [1, 2, 3],
    ["a", "b"],
  ]);
  expect(await value("python", "await context.get('a')", "another")).toBeNull();
});

test("a run says how far its interpreter is, and a prepared one is ready at once", async () => {
  await using optimizer = await createOptimizer({ tools: { ping: { call: async () => "pong" } } });
  const steps: string[] = [];
  const run = (): Promise<unknown> =>
    optimizer.run(
      { language: "python", code: "1" },
      { onEvent: (event) => void (event.type === "preparing" && steps.push(event.step)) },
    );
  await run();
  expect(steps).toEqual(["loading", "starting", "ready"]);
  await optimizer.prepare("python");
  await run();
  expect(steps).toHaveLength(3);
});

test("a run is in the sandbox that its caller names", async () => {
  await using optimizer = await createOptimizer({ tools: { ping: { call: async () => "pong" } } });
  const run = (sandbox: string): Promise<unknown> =>
    optimizer.run({ language: "javascript", code: "return 1" }, { sandbox });
  expect(await run("quickjs")).toMatchObject({ status: "returned", value: 1 });
  await expect(run("pyodide")).rejects.toMatchObject({
    code: 400,
    message: "The sandbox pyodide does not run javascript.",
  });
  await expect(run("nothing")).rejects.toMatchObject({
    code: 400,
    kind: "unknown_sandbox",
    hint: "Choose one of: quickjs, pyodide.",
  });
});
