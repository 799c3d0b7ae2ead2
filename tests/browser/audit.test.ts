import { expect, test } from "vitest";
import { indexedDb } from "../../src/context/browser/indexed-db.ts";
import { createOptimizer } from "../../src/create-optimizer.ts";
import { audit } from "../../src/telemetry/audit/backend-audit.ts";
import { verifyAudit } from "../../src/telemetry/audit/verify-audit.ts";

test("a page's audit lies in its database, two pages write one chain, and a change of it shows", async () => {
  const name = `audit-${crypto.randomUUID()}`;
  const tools = { now: { description: "The time.", call: () => 1 } };
  const page = async () => {
    const trail = audit(indexedDb({ name }));
    const optimizer = await createOptimizer({ tools, audit: trail, policy: { unannotated: "allow" } });
    return { trail, optimizer };
  };
  const [one, two] = await Promise.all([page(), page()]);
  const runs = [one, two, one, two].map(({ optimizer }) =>
    optimizer.run({ code: "return await tools.page.now({})" }),
  );
  const results = await Promise.all(runs);
  expect(results.map(({ status }) => status)).toEqual(Array(4).fill("returned"));
  expect(one.optimizer.telemetry).toMatchObject({ requests: 2, successRate: 1 });
  for (const { trail, optimizer } of [one, two]) {
    await optimizer[Symbol.asyncDispose]();
    await trail[Symbol.asyncDispose]();
  }

  const backend = indexedDb({ name });
  await using later = audit(backend);
  // Of each page: that it opened the log; and of each run its beginning, its call and answer, its end.
  expect(await verifyAudit(later.lines())).toMatchObject({ records: 2 + 4 * 4 });
  await backend.change(["audit 0000000000000005"], ([line]) => ({
    records: new Map([["audit 0000000000000005", String(line).replace(/"at":\d+/, '"at":1')]]),
    result: undefined,
  }));
  expect((await verifyAudit(later.lines())).problem).toMatchObject({ line: 5, kind: "edited" });
});
