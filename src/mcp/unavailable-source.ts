import { OptimizerError } from "../base/errors.ts";
import type { ToolSource } from "../tools/tool.ts";

/** A source that can never be connected to, because its options are wrong. It stands in its place, so that the other servers work and the reason is visible. */
export function createUnavailableSource(
  id: string,
  reason: OptimizerError,
): ToolSource & { connect(): Promise<void> } {
  const { code, kind, message } = reason;
  const hint = reason.hint ?? "Correct the server's options.";
  return {
    id,
    description: undefined,
    status: { state: "unavailable", kind, message, hint },
    tools: [],
    async connect() {},
    async call() {
      throw new OptimizerError(message, { code, kind, hint });
    },
    onChange: () => () => {},
    async [Symbol.asyncDispose]() {},
  };
}
