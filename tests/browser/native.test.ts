import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createOptimizer, native, quickjs, SandboxFrame } from "../../src/index.ts";
import { NESTED_WORKERS, PLACES_OF_NAMES } from "../suites/differences.ts";
import { createPlace, type SandboxPlace } from "../suites/sandbox-case.ts";
import { sandboxSuite } from "../suites/sandbox-suite.ts";
import { reasonsHere, skipAllWhere, skipWhere } from "../suites/skips.ts";

skipAllWhere(NESTED_WORKERS);

sandboxSuite("the browser's own engine in a worker of the isolated frame", {
  createSandbox: native,
  languages: ["javascript", "typescript"],
  skips: {
    "stops a program at its memory, and runs the next one":
      "The heap of the browser's engine has no cap that a page can set; only buffers are counted. Traits say best_effort.",
    ...reasonsHere({ "locates a name that does not exist": PLACES_OF_NAMES }),
  },
});

describe("native()", () => {
  let place: SandboxPlace;
  const sandbox = native();
  beforeAll(() => {
    place = createPlace(sandbox, "javascript", native);
  });
  afterAll(() => sandbox[Symbol.asyncDispose]());

  test("a program that only the browser's engine refuses ends as a syntax error, with its place", async (context) => {
    skipWhere({ webkit: "WebKit's engine takes a function of 66,000 parameters." }, context);
    const names = Array.from({ length: 66_000 }, (_, at) => `a${at}`).join();
    const error = await place.error(`const one = 1;\nconst many = (${names}) => 1;\nreturn one`);
    expect(error).toMatchObject({ name: "SyntaxError", kind: "syntax", line: 2 });
    expect(error.message).toContain("parameter");
  });

  test("an error that a microtask throws ends the program", async () => {
    const code = "queueMicrotask(() => {\n  throw new RangeError('far');\n});\nawait new Promise(() => {})";
    expect(await place.error(code)).toMatchObject({
      name: "RangeError",
      message: "far",
      kind: "exception",
      line: 2,
    });
  });

  test("typed arrays that are counted are typed arrays like any other", async () => {
    const code = `
      const bytes = new Uint8Array([1, 2, 3]);
      const large = new Float64Array(50_000).fill(2);
      class Own extends Uint8Array { sum() { return this.reduce((a, b) => a + b, 0) } }
      let refused = "";
      try { Uint8Array(1) } catch (error) { refused = error.name }
      return [
        bytes.constructor === Uint8Array, Uint8Array.name, Uint8Array.length, Uint8Array.BYTES_PER_ELEMENT,
        bytes.map((n) => n * 2) instanceof Uint8Array, [...Uint8Array.from([4, 5])], [...Uint8Array.of(6)],
        Object.prototype.toString.call(large), large.subarray(1).length, large.slice(0, 2).join(),
        new Own([1, 2]).sum(), new Own(20_000) instanceof Own, new Uint8Array(bytes.buffer, 1, 2).join(),
        new ArrayBuffer(8, { maxByteLength: 16 }).resizable, new TextEncoder().encode("é") instanceof Uint8Array,
        new Uint8Array().length, structuredClone(bytes) instanceof Uint8Array, refused,
      ]`;
    expect(await place.value(code)).toEqual([
      true,
      "Uint8Array",
      3,
      1,
      true,
      [4, 5],
      [6],
      "[object Float64Array]",
      49_999,
      "2,2",
      3,
      true,
      "2,3",
      true,
      true,
      0,
      true,
      "TypeError",
    ]);
  });

  test("buffers past the limit, and what is forgiven, stop a program; views of one buffer count once", async () => {
    const limits = { memoryBytes: 16 * 1024 * 1024 };
    const kept = (mebibytes: number): string =>
      `const a = []; for (let n = 0; n < ${mebibytes}; n += 1) a.push(new Uint8Array(1048576)); return a.length`;
    expect(await place.value(kept(200), { limits })).toBe(200);
    expect(await place.run(kept(400), { limits })).toMatchObject({ status: "stopped", reason: "memory" });
    const views =
      "const b = new ArrayBuffer(1e7); const a = []; for (let n = 0; n < 1000; n += 1) a.push(new Uint8Array(b)); return a.length";
    const outcome = await place.run(views, { limits });
    expect(outcome).toMatchObject({ status: "returned", json: "1000" });
    expect(outcome.peakMemoryBytes).toBeLessThan(16 * 1024 * 1024);
  });

  test("buffers that a program drops while it waits now and then do not stop it", {
    timeout: 60_000,
  }, async () => {
    const code = `
      for (let n = 0; n < 100; n += 1) {
        new Uint8Array(16 * 1048576);
        await new Promise((done) => setTimeout(done, 1));
      }
      return "all"`;
    expect(await place.value(code, { limits: { memoryBytes: 64 * 1024 * 1024 } })).toBe("all");
  });

  test("is never chosen in silence: a run names it, or it stands first", async () => {
    const tools = { ping: { call: async () => "pong" } };
    const engine = { code: "return [typeof Intl, await tools.page.ping()]" };
    await using frame = new SandboxFrame();
    await using usual = await createOptimizer({ frame, tools });
    await expect(usual.run(engine, { sandbox: "native" })).rejects.toMatchObject({ kind: "unknown_sandbox" });
    await using both = await createOptimizer({
      frame,
      tools,
      sandboxes: [quickjs({ frame }), native({ frame })],
    });
    expect(await both.run(engine)).toMatchObject({ value: ["undefined", "pong"] });
    expect(await both.run(engine, { sandbox: "native" })).toMatchObject({ value: ["object", "pong"] });
    await using first = await createOptimizer({
      frame,
      tools,
      sandboxes: [native({ frame }), quickjs({ frame })],
    });
    expect(await first.run(engine)).toMatchObject({ value: ["object", "pong"] });
  });
});
