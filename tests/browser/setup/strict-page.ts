import { createOptimizer, findOptimizerError, SandboxFrame } from "../../../src/index.ts";

/** What the page tells the test that opened it. */
export interface StrictPageReport {
  readonly value?: unknown;
  readonly backends?: readonly string[];
  readonly error?: {
    readonly code: number;
    readonly kind: string;
    readonly message: string;
    readonly hint: string;
  };
}

/**
 * `?frame=<address>` uses the static form, without it the generated one; `?server=<url>` adds a server,
 * `?patience=<ms>` waits less for the frame.
 */
async function work(): Promise<StrictPageReport> {
  const query = new URLSearchParams(location.search);
  const url = query.get("frame");
  const server = query.get("server");
  const patience = Number(query.get("patience") ?? 30_000);
  await using frame = new SandboxFrame({ bootTimeoutMs: patience, ...(url === null ? {} : { url }) });
  try {
    await using optimizer = await createOptimizer({
      frame,
      tools: { double: { call: ({ n }) => Number(n) * 2 } },
      ...(server === null ? {} : { servers: { errors: server } }),
    });
    const code = server === null ? "" : "; total = (await tools.errors.list_errors({ limit: 1 })).total";
    const result = await optimizer.run({
      code: `let total: number | undefined${code}; return { doubled: await tools.page.double({ n: 21 }), total }`,
    });
    if (result.status !== "returned") throw new Error(JSON.stringify(result));
    return { value: result.value, backends: optimizer.manifest().capabilities.backends };
  } catch (error) {
    const {
      code,
      kind,
      message,
      hint = "",
    } = findOptimizerError(error) ?? {
      code: 0,
      kind: "unknown",
      message: String(error),
    };
    return { error: { code, kind, message, hint } };
  }
}

parent.postMessage({ report: await work() }, "*");
