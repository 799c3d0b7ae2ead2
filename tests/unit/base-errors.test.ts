import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { assertNever, findOptimizerError, messageOf, OptimizerError } from "../../src/base/errors.ts";

test("an error carries its class, its kind and what to do", () => {
  const cause = new Error("below");
  const error = new OptimizerError("no", {
    code: 429,
    kind: "too_much",
    hint: "less",
    retryable: true,
    cause,
  });
  expect(error).toMatchObject({
    name: "OptimizerError",
    message: "no",
    code: 429,
    kind: "too_much",
    hint: "less",
    retryable: true,
    cause,
  });
  expect(new OptimizerError("no", { code: 500, kind: "internal" })).toMatchObject({
    hint: undefined,
    retryable: false,
  });
  expect("cause" in new OptimizerError("no", { code: 500, kind: "internal" })).toBe(false);
});

test("an error is found by its name, code and kind, from any realm", () => {
  const own = new OptimizerError("no", { code: 400, kind: "bad" });
  expect(findOptimizerError(own)).toBe(own);
  const foreign: unknown = runInNewContext(
    'Object.assign(new Error("far"), { name: "OptimizerError", code: 408, kind: "timeout", retryable: false })',
  );
  expect(findOptimizerError(foreign)).toBe(foreign);
});

test("nothing else is taken for one", () => {
  const values = [
    null,
    undefined,
    "OptimizerError",
    1,
    {},
    new Error("no"),
    Object.assign(new Error("no"), { code: 400, kind: "bad" }),
    Object.assign(new Error("no"), { name: "OptimizerError" }),
  ];
  for (const value of values) expect(findOptimizerError(value)).toBeUndefined();
});

test("whatever was thrown has a message", () => {
  expect(messageOf(new Error("no"))).toBe("no");
  expect(messageOf("plain")).toBe("plain");
  expect(messageOf(null)).toBe("null");
  expect(messageOf(Symbol("s"))).toBe("Symbol(s)");
  expect(messageOf(runInNewContext('new TypeError("far")'))).toBe("far");
  expect(messageOf(Object.create(null))).toBe("[object Object]");
  expect(
    messageOf({
      toString: () => {
        throw new Error("no words");
      },
    }),
  ).toBe("[object Object]");
});

test("a branch that cannot be reached says what reached it", () => {
  expect(() => Reflect.apply(assertNever, undefined, ["surprise"])).toThrow('Unexpected value "surprise"');
});
