import { createOptimizer, findOptimizerError, type Optimizer, SandboxFrame } from "../../../src/index.ts";

/** What the page tells the test that opened it. */
export interface StrictPageReport {
  readonly value?: unknown;
  readonly backends?: readonly string[];
  /** How a Python program ended, in a page that may be cross-origin isolated. */
  readonly python?: {
    readonly isolated: boolean;
    readonly end: string;
    readonly logs: readonly string[];
    readonly ms: number;
  };
  readonly error?: {
    readonly code: number;
    readonly kind: string;
    readonly message: string;
    readonly hint: string;
  };
}

/**
 * `?frame=<address>` uses the static form, without it the generated one; `?server=<url>` adds a server,
 * `?patience=<ms>` waits less for the frame; `?python=<code>` runs that program for half a second.
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
    const python = query.get("python");
    if (python !== null) return { python: await runPython(optimizer, python) };
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

async function runPython(
  optimizer: Optimizer,
  code: string,
): Promise<NonNullable<StrictPageReport["python"]>> {
  await optimizer.prepare("python");
  const started = performance.now();
  const result = await optimizer.run({ language: "python", code }, { limits: { timeoutMs: 500 } });
  return {
    isolated: crossOriginIsolated,
    end: result.status === "stopped" ? `${result.reason} ${result.code}` : result.status,
    logs: result.logs.map(({ text }) => text),
    ms: performance.now() - started,
  };
}

const report = await work();
parent.postMessage({ report }, "*");
Object.assign(globalThis, { report });
