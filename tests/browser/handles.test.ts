import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { describe, expect, test } from "vitest";
import {
  createOptimizer,
  indexedDb,
  type Language,
  native,
  type Optimizer,
  pyodide,
  quickjs,
  SandboxFrame,
} from "../../src/index.ts";

const photo = new Uint8Array(3_000).map((_, at) => (at * 7) % 256);

/** A page, as it is before and after a reload. */
async function openPage(database: string) {
  const frame = new SandboxFrame();
  const context = indexedDb({ name: database });
  const optimizer = await createOptimizer({
    frame,
    context,
    sandboxes: [quickjs({ frame }), pyodide({ frame }), native({ frame })],
    tools: { photo: { call: () => new Blob([photo], { type: "image/webp" }) } },
  });
  return {
    optimizer,
    async [Symbol.asyncDispose]() {
      await optimizer[Symbol.asyncDispose]();
      await context[Symbol.asyncDispose]();
      await frame[Symbol.asyncDispose]();
    },
  };
}

async function returnedBy(
  optimizer: Optimizer,
  language: Language,
  code: string,
  inputs: unknown = {},
  sandbox?: string,
) {
  const result = await optimizer.run({ language, code, inputs }, sandbox === undefined ? {} : { sandbox });
  if (result.status !== "returned") expect.fail(JSON.stringify(result));
  return result;
}

describe("a value that stayed behind", () => {
  test("is opened after a reload, in every language", async () => {
    const database = `handles-${performance.timeOrigin}`;
    const code =
      "return { rows: Array.from({ length: 5000 }, (_, id) => ({ id })), photo: await tools.page.photo() }";
    let handle: string;
    {
      await using page = await openPage(database);
      const { value, truncated, usage } = await returnedBy(page.optimizer, "typescript", code);
      handle = truncated?.handle ?? expect.fail("Nothing stayed behind.");
      expect(value).toMatchObject({
        handle,
        type: "json",
        shape: expect.stringMatching(/^\{ rows: \{ id: number \}\[\]/),
      });
      expect(usage.tokens).toBe(countTokens(JSON.stringify(value)));
      expect(usage.tokens).toBeLessThanOrEqual(1_000);
    }
    await using page = await openPage(database);
    const javascript =
      "const { rows, photo } = await context.open(inputs); return [rows.length, photo.bytes.length, photo.bytes.at(-1)]";
    const expected = [5_000, photo.length, photo.at(-1)];
    expect((await returnedBy(page.optimizer, "javascript", javascript, handle)).value).toEqual(expected);
    expect((await returnedBy(page.optimizer, "javascript", javascript, handle, "native")).value).toEqual(
      expected,
    );
    const python =
      "it = await context.open(inputs)\n[len(it['rows']), len(it['photo']['bytes']), it['photo']['bytes'][-1]]";
    expect((await returnedBy(page.optimizer, "python", python, handle)).value).toEqual(expected);
  });

  test("is shown by the page, with its media type", async () => {
    await using page = await openPage(`shown-${performance.timeOrigin}`);
    const { value } = await returnedBy(page.optimizer, "python", "await tools.page.photo()");
    expect(value).toMatchObject({ bytes: { type: "image/webp", bytes: photo.length, shape: "bytes" } });
    const { handle } = Object(Object(value).bytes);
    expect(await page.optimizer.open(handle)).toEqual({ type: "image/webp", value: photo });
  });
});
