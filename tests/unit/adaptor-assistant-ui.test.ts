import { expect, test } from "vitest";
import { type ApprovalInterrupt, assistantUiToolkit } from "../../src/adaptors/assistant-ui.ts";
import { ORDER, openShop } from "./fixtures/tool-engine.ts";

/** One order, where a page answers its interrupt like this. */
async function order(answer: (interrupt: ApprovalInterrupt) => unknown) {
  await using shop = await openShop();
  const { run_code } = assistantUiToolkit(shop.engine, undefined);
  const output = await run_code?.execute(
    { code: ORDER },
    { abortSignal: new AbortController().signal, human: async (interrupt) => answer(interrupt) },
  );
  return { output, ordered: shop.ordered, waiting: (await shop.engine.suspended()).length };
}

const all = ({ approvals }: ApprovalInterrupt, decision: unknown) =>
  Object.fromEntries(approvals.map(({ id }) => [id, decision]));

test.for<[string, (interrupt: ApprovalInterrupt) => unknown]>([
  ["nothing", () => undefined],
  ["a text", () => "yes"],
  ["a list", (interrupt) => interrupt.approvals.map(() => ({ allow: true }))],
  ["decisions about other calls", () => ({ other: { allow: true } })],
  ["what is only true", (interrupt) => all(interrupt, true)],
  ["a text as the word", (interrupt) => all(interrupt, { allow: "yes" })],
])("%s is no decision: the program waits on", async ([, answer]) => {
  expect(await order(answer)).toMatchObject({
    output: { status: "threw", error: { kind: "missing_decision" } },
    ordered: [],
    waiting: 1,
  });
});

test("a decision is all that is read of an answer", async () => {
  expect(await order((interrupt) => all(interrupt, { allow: true, remember: "yes", message: 1 }))).toEqual({
    output: { status: "returned", value: 7 },
    ordered: [{ id: 7 }],
    waiting: 0,
  });
});

test("where people can't be asked, the call fails and the program waits on", async () => {
  const refused = order(() => Promise.reject(new Error("Tool human input is not supported.")));
  await expect(refused).rejects.toThrow("Tool human input is not supported.");
});
