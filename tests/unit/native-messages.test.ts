import { expect, test } from "vitest";
import { parseNativeMessage } from "../../src/runtimes/native-messages.ts";

const CALL = { type: "call", id: 1, operation: "tool", target: "srv.a", args: "{}" };

test.for([
  CALL,
  { type: "log", level: "warn", text: "x" },
  { type: "settle", status: "returned", json: "1" },
  { type: "sleep", timer: 1, ms: 0.5 },
  { type: "wake", timer: 1 },
  { type: "buffers", bytes: 5 },
  { type: "rest", turn: 3 },
  { type: "unfit", names: "fetch" },
])("what our side of the worker posts is read: $type", (message) => {
  expect(parseNativeMessage(message)).toEqual(message);
});

test("only the fields that belong to a message are read", () => {
  expect(parseNativeMessage({ ...CALL, run: "r2", more: [] })).toEqual(CALL);
});

test.for([
  [undefined],
  [null],
  ["call"],
  [[CALL]],
  [{}],
  [{ type: "done" }],
  [{ ...CALL, id: "1" }],
  [{ ...CALL, id: -1 }],
  [{ ...CALL, id: Number.NaN }],
  [{ ...CALL, operation: "eval" }],
  [{ ...CALL, target: 5 }],
  [{ ...CALL, args: {} }],
  [{ type: "log", level: "fatal", text: "x" }],
  [{ type: "log", level: "log", text: {} }],
  [{ type: "settle", status: "returned" }],
  [{ type: "sleep", timer: 1 }],
  [{ type: "buffers", bytes: -1 }],
  [{ type: "rest" }],
  [Object.create(CALL)],
])("anything else breaks the rules: %j", ([message]) => {
  expect(() => parseNativeMessage(message)).toThrow(
    expect.objectContaining({ code: 403, kind: "protocol_violation" }),
  );
});
