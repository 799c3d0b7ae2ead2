import { OptimizerError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import { textBytes } from "../base/text.ts";
import type { CatalogTool } from "./catalog-tool.ts";
import type { ToolCallOptions } from "./tool.ts";
import { type ToolValue, toolTextOf, toolValueOf } from "./tool-value.ts";

/** The answer of a tool that did its work, as it goes to a program. */
export interface ToolAnswer {
  /** The value as JSON text: each reader makes a copy of its own from it. */
  readonly json: string;
  /** Size of `json` as UTF-8. Bytes. */
  readonly size: number;
  /** The value holds `{ "$bytes": base64 }` objects, which the guest turns into bytes. */
  readonly bytes: boolean;
  /** How long the server says that the answer may be used again. Milliseconds; absent when it says nothing. */
  readonly ttlMs?: number;
  /** Another call asked the server for it. */
  readonly cached: boolean;
}

/**
 * Makes one call whose tool and arguments were checked.
 *
 * Rejects with 500 `tool_error` when the tool says that it failed, and as the source does when the
 * call itself failed. It owns nothing of `args`.
 */
export type CallTool = (tool: CatalogTool, args: JsonObject, options: ToolCallOptions) => Promise<ToolAnswer>;

/** Calls sources; `observe` sees each value that came back, and must neither keep nor change it. */
export function createSourceCaller(
  observe: (tool: CatalogTool, value: ToolValue) => void = () => {},
): CallTool {
  return async (tool, args, options) => {
    const result = await tool.source.call(tool.definition.name, args, options);
    if (result.isError === true) {
      throw new OptimizerError(toolTextOf(result), { code: 500, kind: "tool_error" });
    }
    const value = toolValueOf(result);
    observe(tool, value);
    const json = JSON.stringify(value.value);
    const { ttlMs } = result;
    return {
      json,
      size: textBytes(json),
      bytes: value.bytes,
      cached: false,
      ...(ttlMs === undefined ? {} : { ttlMs }),
    };
  };
}
