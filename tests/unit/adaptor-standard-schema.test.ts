import { describe, expect, test } from "vitest";
import * as z from "zod";
import { standardTool } from "../../src/adaptors/standard-schema.ts";

const { signal } = new AbortController();

describe("a tool by Standard Schema", () => {
  const tool = standardTool({
    description: "Adds up",
    input: z.object({
      numbers: z.array(z.number()),
      round: z.boolean().default(true),
      at: z.string().transform((text) => new Date(text)),
    }),
    output: z.object({ sum: z.number() }),
    annotations: { readOnlyHint: true },
    call: ({ numbers, round, at }) => ({ sum: numbers.reduce((a, b) => a + b, 0), round, at: at.getTime() }),
  });

  test("has the library's JSON Schemas, and all that was said of it", () => {
    expect(tool).toEqual({
      description: "Adds up",
      inputSchema: expect.objectContaining({ type: "object", required: expect.arrayContaining(["numbers"]) }),
      outputSchema: expect.objectContaining({ type: "object", required: ["sum"] }),
      annotations: { readOnlyHint: true },
      call: expect.any(Function),
    });
  });

  test("is called with what the schema made of the arguments", async () => {
    expect(await tool.call({ numbers: [1, 2], at: "2026-11-29T00:00:00Z" }, { signal })).toEqual({
      sum: 3,
      round: true,
      at: Date.UTC(2026, 10, 29),
    });
  });

  test("refuses what the schema refuses, by name", async () => {
    await expect(tool.call({ numbers: [1, "2"], at: "" }, { signal })).rejects.toMatchObject({
      code: 400,
      kind: "invalid_arguments",
      message: expect.stringContaining("numbers.1: "),
    });
  });

  test("can't be made where the library writes no JSON Schema", () => {
    const validate = (value: unknown) => ({ value });
    const input = { "~standard": { version: 1, vendor: "old", validate } } as const;
    expect(() => standardTool({ input, call: () => 1 })).toThrow("The library old can't write the input");
  });
});
