// Values stay behind under handles. The attacker is a program that wants a value of somebody else by its handle, or
// wants that it is forgotten where a value came from.

import { describe, expect, test } from "vitest";
import {
  type ContextBackend,
  createOptimizer,
  memory,
  type Optimizer,
  type RunResult,
} from "../../src/index.ts";

const SECRET = "the secret of this house ".repeat(500);

async function openPage(context: ContextBackend, tenant?: string) {
  const sent: unknown[] = [];
  const optimizer = await createOptimizer({
    context,
    ...(tenant === undefined ? {} : { tenant }),
    flags: { maxTokensPerRequest: 200 },
    policy: { labels: { "page.secret": { source: "private" }, "page.send": { sink: true } } },
    tools: { secret: { call: () => SECRET }, send: { call: (args) => sent.push(args) } },
  });
  return { optimizer, sent };
}

function handleOf(result: RunResult): string {
  if (result.status !== "returned") expect.fail(JSON.stringify(result));
  return result.truncated?.handle ?? expect.fail("Nothing stayed behind.");
}

const open = (optimizer: Optimizer, inputs: unknown, session: string): Promise<RunResult> =>
  optimizer.run({ code: "return (await context.open(inputs)).length", inputs }, { session });

const UNKNOWN = { status: "threw", error: { kind: "unknown_handle", code: 400 } };
const KEPT = { status: "returned", value: SECRET.length };

describe("a program that wants a value of another session", () => {
  test("is told that there is no such handle", async () => {
    await using context = memory();
    const { optimizer } = await openPage(context);
    await using _ = optimizer;
    const handle = handleOf(await optimizer.run({ code: "return tools.page.secret()" }, { session: "ann" }));
    for (const inputs of [handle, { handle }, `../ann/handles/${handle}`, [handle], `ann/${handle}`])
      expect(await open(optimizer, inputs, "bob")).toMatchObject(UNKNOWN);
    await expect(optimizer.open(handle, { session: "bob" })).rejects.toMatchObject({
      kind: "unknown_handle",
    });
    const code = "return [await context.get(inputs), await context.keys()]";
    for (const session of ["ann", "bob"])
      expect(await optimizer.run({ code, inputs: handle }, { session })).toMatchObject({ value: [null, []] });
    // Control: its own session opens it.
    expect(await open(optimizer, handle, "ann")).toMatchObject(KEPT);
  });

  test("gets nothing of another tenant over the same store", async () => {
    await using context = memory();
    await using ann = (await openPage(context, "ann")).optimizer;
    await using bob = (await openPage(context, "bob")).optimizer;
    await using nobody = (await openPage(context)).optimizer;
    const handle = handleOf(await ann.run({ code: "return tools.page.secret()" }));
    for (const other of [bob, nobody]) expect(await open(other, handle, "default")).toMatchObject(UNKNOWN);
    // Control: its own tenant opens it.
    expect(await open(ann, handle, "default")).toMatchObject(KEPT);
  });
});

describe("a program that wants its value's origin forgotten", () => {
  const leak = "const text = await context.open(inputs); return await tools.page.send({ text })";
  const TAINTED = { status: "suspended", approvals: [{ tool: "page.send", reason: "tainted" }] };

  test("is asked before it sends what an earlier program left behind", async () => {
    await using context = memory();
    const { optimizer, sent } = await openPage(context);
    await using _ = optimizer;
    const inputs = handleOf(await optimizer.run({ code: "return tools.page.secret()" }));
    expect(await optimizer.run({ code: leak, inputs })).toMatchObject(TAINTED);
    expect(sent).toEqual([]);
    // Control: a program that opens nothing sends.
    expect(await optimizer.run({ code: "await tools.page.send({}); return 1" })).toMatchObject({ value: 1 });
    expect(sent).toEqual([{}]);
  });

  test("is asked before it sends what a tool left behind that no program called", async () => {
    await using context = memory();
    const { optimizer, sent } = await openPage(context);
    await using _ = optimizer;
    const response = await optimizer.execute({ intent: "page.secret", id: 1 });
    const inputs =
      "result" in response && "truncated" in response.result && response.result.truncated?.handle;
    expect(await optimizer.run({ code: leak, inputs })).toMatchObject(TAINTED);
    expect(sent).toEqual([]);
  });
});
