import { expect, test, vi } from "vitest";
import { reportUncaught } from "../../src/base/report-uncaught.ts";
import { createListeners } from "../../src/context/listeners.ts";

test("in Node, an error without a caller goes to the console, and a listener's own keeps nobody from hearing", () => {
  expect(globalThis.reportError).toBeUndefined();
  const log = vi.spyOn(console, "error").mockImplementation(() => {});
  const error = new Error("mine");
  const listeners = createListeners<number>();
  const heard: number[] = [];
  listeners.add(() => {
    throw error;
  });
  listeners.add((event) => heard.push(event));
  listeners.tell(1);
  reportUncaught("another");
  expect([heard, log.mock.calls]).toEqual([[1], [[error], ["another"]]]);
  log.mockRestore();
});
