import { expect } from "vitest";
import { type RecordingPort, recordingPort } from "../recording-port.ts";
import { javascript, python, type SandboxCase } from "../sandbox-case.ts";

const KEPT = "0123456789abcdef01234567";

/** Keeps one value under one handle. */
const keeping = (json: string, bytes = false): RecordingPort =>
  recordingPort(({ operation, args }) =>
    operation === "context_open" && JSON.parse(args).handle === KEPT
      ? { ok: true, json, bytes }
      : {
          ok: false,
          error: {
            name: "ToolError",
            message: "There is no handle.",
            kind: "unknown_handle",
            code: 400,
            hint: "Make the value again.",
          },
        },
  );

const rows = JSON.stringify(Array.from({ length: 20_000 }, (_, id) => ({ id })));
const UNKNOWN = { name: "ToolError", kind: "unknown_handle", hint: "Make the value again." };

export const OPENING_CASES: readonly SandboxCase[] = [
  javascript("opens a large value by its handle", async ({ value }) => {
    const code = "const rows = await context.open(inputs); return [rows.length, rows.at(-1).id]";
    expect(await value(code, { port: keeping(rows), inputs: KEPT })).toEqual([20_000, 19_999]);
  }),
  javascript("opens bytes as bytes", async ({ value }) => {
    const code = "const bytes = await context.open(inputs); return [bytes instanceof Uint8Array, ...bytes]";
    const port = keeping('{"$bytes":"AQL/"}', true);
    expect(await value(code, { port, inputs: KEPT })).toEqual([true, 1, 2, 255]);
  }),
  javascript("is told that there is no such handle", async ({ error }) => {
    expect(await error("await context.open('other')", { port: keeping("1") })).toMatchObject(UNKNOWN);
  }),
  python("opens a large value by a handle", async ({ value }) => {
    const code = "rows = await context.open(inputs)\n[len(rows), rows[-1]['id']]";
    expect(await value(code, { port: keeping(rows), inputs: KEPT })).toEqual([20_000, 19_999]);
  }),
  python("opens a handle in synchronous code", async ({ value }) => {
    const code = "def length(handle):\n    rows = context.open(handle)\n    return len(rows)\nlength(inputs)";
    expect(await value(code, { port: keeping(rows), inputs: KEPT })).toBe(20_000);
  }),
  python("opens bytes as bytes by a handle", async ({ value }) => {
    const port = keeping('{"$bytes":"AQL/"}', true);
    expect(await value("(await context.open(inputs)) == b'\\x01\\x02\\xff'", { port, inputs: KEPT })).toBe(
      true,
    );
  }),
  python("is told that there is no handle of this name", async ({ error }) => {
    expect(await error("await context.open('other')", { port: keeping("1") })).toMatchObject(UNKNOWN);
  }),
];
