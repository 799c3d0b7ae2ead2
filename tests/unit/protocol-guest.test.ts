import { describe, expect, test } from "vitest";
import { OptimizerError } from "../../src/base/errors.ts";
import { parseCounts } from "../../src/protocol/count-protocol.ts";
import { messageCharacters, type RuntimeMessage } from "../../src/protocol/guest-protocol.ts";
import {
  parseRuntimeMessage,
  requireLogLevel,
  requireOperation,
} from "../../src/protocol/parse-runtime-message.ts";

const call = { id: 1, operation: "tool", target: "srv.list", args: "{}" } as const;
const log = { level: "log", text: "hi" } as const;
const turn = { type: "turn", run: "r1", idle: true, calls: [call], logs: [log] } as const;
const done = { type: "done", run: "r1", logs: [], peakMemoryBytes: 0 } as const;
const frozen = { type: "frozen", run: "r1", snapshot: "AA==", open: [1, 2], peakMemoryBytes: 0 } as const;
const error = { name: "Error", message: "no", kind: "exception" } as const;

const ACCEPTED: readonly RuntimeMessage[] = [
  { type: "ready" },
  { type: "unfit", message: "no wall" },
  turn,
  { ...turn, idle: false, calls: [], logs: [] },
  ...[
    "search",
    "describe",
    "context_get",
    "context_set",
    "context_delete",
    "context_keys",
    "context_open",
  ].map((operation) => ({
    ...turn,
    calls: [{ ...call, operation: requireOperation(operation), target: "" }],
  })),
  ...["debug", "info", "warn", "error"].map((level) => ({
    ...turn,
    logs: [{ level: requireLogLevel(level), text: "" }],
  })),
  { ...done, outcome: { status: "returned", json: "1" } },
  { ...done, outcome: { status: "threw", error } },
  {
    ...done,
    outcome: { status: "threw", error: { ...error, line: 1, column: 2, stack: "at", hint: "so" } },
    logs: [log],
    peakMemoryBytes: 65_536,
  },
  ...(["timeout", "memory", "output", "tool_calls", "crashed"] as const).map((reason) => ({
    ...done,
    outcome: { status: "stopped" as const, reason, message: "over" },
  })),
  frozen,
  ...(["busy", "calls", "size"] as const).map((reason) => ({
    type: "unfrozen" as const,
    run: "r1",
    reason,
  })),
];

const REFUSED: readonly (readonly [what: string, message: unknown])[] = [
  ["null", null],
  ["a list", []],
  ["a text", "ready"],
  ["no type", {}],
  ["an unknown type", { type: "run" }],
  ["a type from the prototype", { type: "constructor" }],
  ["unfit without a reason", { type: "unfit" }],
  ["a turn without a run", { ...turn, run: undefined }],
  ["a turn whose run is a number", { ...turn, run: 1 }],
  ["a turn without calls", { ...turn, calls: undefined }],
  ["calls that are no list", { ...turn, calls: { length: 1 } }],
  ["a call that is no object", { ...turn, calls: ["x"] }],
  ["a call that is null", { ...turn, calls: [null] }],
  ["a call without a number", { ...turn, calls: [{ ...call, id: undefined }] }],
  ["a negative call number", { ...turn, calls: [{ ...call, id: -1 }] }],
  ["a broken call number", { ...turn, calls: [{ ...call, id: 1.5 }] }],
  ["a huge call number", { ...turn, calls: [{ ...call, id: 2 ** 60 }] }],
  ["an unknown operation", { ...turn, calls: [{ ...call, operation: "fetch" }] }],
  ["an operation of every object", { ...turn, calls: [{ ...call, operation: "toString" }] }],
  ["a target that is no text", { ...turn, calls: [{ ...call, target: ["srv"] }] }],
  ["a target without end", { ...turn, calls: [{ ...call, target: "x".repeat(100_000) }] }],
  ["arguments that are no text", { ...turn, calls: [{ ...call, args: {} }] }],
  ["logs that are no list", { ...turn, logs: "hi" }],
  ["an unknown log level", { ...turn, logs: [{ ...log, level: "fatal" }] }],
  ["a log without text", { ...turn, logs: [{ level: "log" }] }],
  ["an end without outcome", done],
  ["a frozen guest without a run", { ...frozen, run: undefined }],
  ["a snapshot that is no text", { ...frozen, snapshot: [0] }],
  ["open calls that are no list", { ...frozen, open: { length: 1 } }],
  ["an open call that is no number", { ...frozen, open: ["1"] }],
  ["an open call below nothing", { ...frozen, open: [-1] }],
  ["an unknown reason not to freeze", { type: "unfrozen", run: "r1", reason: "toString" }],
  ["an unknown outcome", { ...done, outcome: { status: "suspended" } }],
  ["a value that is no text", { ...done, outcome: { status: "returned", json: 1 } }],
  ["an error that is no object", { ...done, outcome: { status: "threw", error: "no" } }],
  [
    "an error without a kind",
    { ...done, outcome: { status: "threw", error: { ...error, kind: undefined } } },
  ],
  ["a line that is no count", { ...done, outcome: { status: "threw", error: { ...error, line: -1 } } }],
  ["a column that is null", { ...done, outcome: { status: "threw", error: { ...error, column: null } } }],
  ["a stack that is no text", { ...done, outcome: { status: "threw", error: { ...error, stack: {} } } }],
  [
    "a reason that is the page's own",
    { ...done, outcome: { status: "stopped", reason: "security", message: "" } },
  ],
  ["a stop without a message", { ...done, outcome: { status: "stopped", reason: "timeout" } }],
  [
    "an end without its memory",
    { ...done, outcome: { status: "returned", json: "1" }, peakMemoryBytes: undefined },
  ],
];

describe("a message of a runtime", () => {
  test("is taken when the protocol knows it", () => {
    for (const message of ACCEPTED) expect(parseRuntimeMessage(JSON.stringify(message))).toEqual(message);
  });

  test("loses every field that the protocol does not know", () => {
    const text =
      '{"type":"turn","run":"r","idle":1,"calls":[{"id":1,"operation":"tool","target":"t","args":"{}","extra":1,"__proto__":{"polluted":1}}],"logs":[],"__proto__":{"polluted":1},"extra":1}';
    expect(parseRuntimeMessage(text)).toStrictEqual({
      type: "turn",
      run: "r",
      idle: false,
      calls: [{ id: 1, operation: "tool", target: "t", args: "{}" }],
      logs: [],
    });
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });

  test.each(REFUSED)("is refused: %s", (_, message) => {
    expect(refusal(JSON.stringify(message))).toMatchObject({ code: 403, kind: "protocol_violation" });
  });

  test.each([
    ["an object", { type: "ready" }],
    ["bytes", new Uint8Array(3)],
    ["nothing", undefined],
    ["a text object", Object("x")],
    ["text that is no JSON", "{"],
    ["empty text", ""],
  ])("is refused when it is no JSON text: %s", (_, data) => {
    expect(refusal(data)).toMatchObject({ code: 403, kind: "protocol_violation" });
  });
});

test("a message may hold the largest payload as escaped JSON", () => {
  const limits = { maxMessageBytes: 1_000_000, maxOutputBytes: 10 };
  const args = JSON.stringify('"'.repeat(499_999));
  const message = JSON.stringify({ ...turn, calls: [{ ...call, args }] });
  expect(new TextEncoder().encode(args).length).toBe(1_000_000);
  expect(message.length).toBeLessThanOrEqual(messageCharacters(limits) + 1_000_000);
});

test("counts of the tokenizer are taken only when there is one for each text", () => {
  expect(parseCounts('{"counts":[1,2]}', 2)).toEqual([1, 2]);
  for (const data of ['{"counts":[1]}', '{"counts":[1,"2"]}', "[1,2]", "{", { counts: [1, 2] }, undefined]) {
    expect(() => parseCounts(data, 2)).toThrow(OptimizerError);
  }
});

function refusal(data: unknown): unknown {
  try {
    return parseRuntimeMessage(data);
  } catch (failure) {
    return failure;
  }
}
