import { expect, test } from "vitest";
import { LIMITS, type Limits, resolveLimits } from "../../src/sandbox/limits.ts";

const NAMES = Object.keys(LIMITS) as readonly (keyof Limits)[];
const DEFAULTS = Object.fromEntries(NAMES.map((name) => [name, LIMITS[name].initial]));

test("nothing chosen gives every default", () => {
  expect(resolveLimits()).toEqual(DEFAULTS);
  expect(resolveLimits(undefined, {}, undefined)).toEqual(DEFAULTS);
});

test("the last layer that names a limit decides", () => {
  expect(resolveLimits({ timeoutMs: 1, maxToolCalls: 5 }, undefined, { timeoutMs: 2 })).toEqual({
    ...DEFAULTS,
    timeoutMs: 2,
    maxToolCalls: 5,
  });
});

test("a part of a unit is dropped", () => {
  expect(resolveLimits({ timeoutMs: 10.9 }).timeoutMs).toBe(10);
});

test.each(NAMES)("%s takes its whole range and nothing beside it", (name) => {
  const { initial, min, max } = LIMITS[name];
  expect(initial).toBeGreaterThanOrEqual(min);
  expect(initial).toBeLessThanOrEqual(max);
  expect(resolveLimits({ [name]: min })[name]).toBe(min);
  expect(resolveLimits({ [name]: max })[name]).toBe(max);
  for (const wrong of [min - 1, max + 1, Number.NaN, Number.POSITIVE_INFINITY, "100"]) {
    expect(() => Reflect.apply(resolveLimits, undefined, [{ [name]: wrong }])).toThrow(
      expect.objectContaining({
        code: 400,
        kind: "invalid_limits",
        message: `limits.${name} is ${wrong}`,
        hint: `Choose a number from ${min} to ${max}.`,
      }),
    );
  }
});
