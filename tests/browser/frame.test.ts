import { expect, test } from "vitest";
import { SandboxFrame } from "../../src/sandbox/browser/frame.ts";

/** A worker that starts, and nothing else. */
const ASSETS = {
  source: `self.onmessage = () => self.postMessage(JSON.stringify({ type: "ready" }));`,
  modules: {},
  files: {},
};

test("what workers need is asked for while the frame opens, once for each kind", async () => {
  await using frame = new SandboxFrame();
  const asked: string[] = [];
  const spawn = (kind: string) =>
    frame.spawn(kind, async () => {
      asked.push(kind);
      return ASSETS;
    });
  const spawning = Promise.all([spawn("a"), spawn("b"), spawn("a")]);
  expect(asked).toEqual(["a", "b"]);
  const workers = await spawning;
  expect(workers.map(({ alive }) => alive)).toEqual([true, true, true]);
  await spawn("a");
  expect(asked).toEqual(["a", "b"]);
});

test("a frame that died asks again for what its workers need", async () => {
  await using frame = new SandboxFrame();
  let asked = 0;
  const spawn = () =>
    frame.spawn("a", async () => {
      asked += 1;
      return ASSETS;
    });
  const worker = await spawn();
  const death = Promise.withResolvers<string>();
  worker.listen(() => undefined, death.resolve);
  document.querySelector('iframe[title="MCP Optimizer sandbox"]')?.remove();
  expect(await death.promise).toBe("The sandbox frame died.");
  expect((await spawn()).alive).toBe(true);
  expect(asked).toBe(2);
});

test("what could not be loaded while the frame opened is asked for again", async () => {
  await using frame = new SandboxFrame();
  let asked = 0;
  const spawn = () =>
    frame.spawn("a", async () => {
      asked += 1;
      if (asked === 1) throw new Error("no such file");
      return ASSETS;
    });
  await expect(spawn()).rejects.toThrow("no such file");
  expect((await spawn()).alive).toBe(true);
});
