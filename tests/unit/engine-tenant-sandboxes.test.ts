import { expect, test } from "vitest";
import { tenantSandboxes } from "../../src/engine/tenant-sandboxes.ts";
import { resolveLimits } from "../../src/sandbox/limits.ts";
import { inProcessQuickJs } from "../suites/in-process-quickjs.ts";

test("tenants with sessions of one name have places of their own in a sandbox", async () => {
  const inner = inProcessQuickJs();
  const opened: string[] = [];
  const sandbox = {
    ...inner,
    open: (session: string, limits: ReturnType<typeof resolveLimits>) => {
      opened.push(session);
      return inner.open(session, limits);
    },
  };
  for (const tenant of ["one", "two", undefined]) {
    const [own] = tenantSandboxes([sandbox], tenant);
    await using place = own?.open("default", resolveLimits());
    expect(place).toBeDefined();
    expect(own?.traits).toBe(inner.traits);
  }
  // Neither can a tenant take another's place by the name of its session.
  const [crafted] = tenantSandboxes([sandbox], "one");
  crafted?.open('","default"]', resolveLimits());
  expect(new Set(opened).size).toBe(4);
  expect(opened[2]).toBe("default");
  await inner[Symbol.asyncDispose]();
});
