import type { Client, RequestOptions, StandardSchemaV1 } from "@modelcontextprotocol/client";
import { messageOf, OptimizerError } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import type { TraceContext } from "../telemetry/trace.ts";
import type { ToolDefinition } from "../tools/tool.ts";
import { UNTRUSTED_KEY } from "./guarded-transport.ts";
import { buildParamHeaders, findParamHeaders, type ParamHeader } from "./param-headers.ts";

/** The official SDK as it is loaded on first use: 88 KB gzip that no page needs before its first server. */
export type McpSdk = typeof import("@modelcontextprotocol/client");

/** A client whose tool list and tool calls come back unread, and whose calls carry `Mcp-Param-*` headers in windows too. */
export interface MirroringClient extends Client {
  /** One page of `tools/list`, as the server sent it. */
  listPage(cursor: string | undefined, options: RequestOptions): Promise<unknown>;
  /**
   * Learns which parameters to repeat in headers, for the calls that follow.
   * Returns the tools that may be offered: those whose marks break the rules may not.
   */
  adoptTools(tools: readonly ToolDefinition[]): readonly ToolDefinition[];
  /** One `tools/call`, as the server answered it. It is told where the call stands in a trace. */
  callRaw(
    name: string,
    args: JsonObject,
    trace: TraceContext | undefined,
    options: RequestOptions,
  ): Promise<unknown>;
}

/**
 * Loads the SDK.
 *
 * Its schema library tests with `new Function` whether it may compile, which a page without
 * `unsafe-eval` reports as a policy violation; the setting that turns the test off is read from the
 * global object, so it must be there before the import.
 */
export async function loadMcpSdk(): Promise<McpSdk> {
  const name = "__zod_globalConfig";
  const config: unknown = Reflect.get(globalThis, name);
  if (!isJsonObject(config)) Reflect.set(globalThis, name, { jitless: true });
  else if (!("jitless" in config)) Reflect.set(config, "jitless", true);
  try {
    return await import("@modelcontextprotocol/client");
  } catch (cause) {
    throw new OptimizerError(`The code of the MCP client could not be loaded: ${messageOf(cause)}`, {
      code: 500,
      kind: "client_not_loaded",
      hint: "Check that the page can load the chunk with @modelcontextprotocol/client: network, CSP script-src, deployment, import map.",
      retryable: true,
      cause,
    });
  }
}

/**
 * Makes a client that has not connected yet.
 *
 * The SDK sends `Mcp-Param-*` headers from workers and Node but never from a window, where servers
 * of 2026-07-28 then refuse the call (-32020); this subclass sends them everywhere.
 */
export function createMirroringClient(sdk: McpSdk, eras: "auto" | "legacy"): MirroringClient {
  class HeaderMirroringClient extends sdk.Client implements MirroringClient {
    readonly #headers = new Map<string, readonly ParamHeader[]>();

    listPage(cursor: string | undefined, options: RequestOptions): Promise<unknown> {
      const params = cursor === undefined ? {} : { cursor };
      return this.request({ method: "tools/list", params }, untrusted, options);
    }

    adoptTools(tools: readonly ToolDefinition[]): readonly ToolDefinition[] {
      if (this.getProtocolEra() !== "modern") return tools;
      this.#headers.clear();
      return tools.filter((tool) => {
        const headers = findParamHeaders(tool.inputSchema);
        if (headers !== undefined && headers.length > 0) this.#headers.set(tool.name, headers);
        return headers !== undefined;
      });
    }

    callRaw(
      name: string,
      args: JsonObject,
      trace: TraceContext | undefined,
      options: RequestOptions,
    ): Promise<unknown> {
      const declared = this.#headers.get(name);
      const headers = declared === undefined ? {} : { headers: buildParamHeaders(declared, args) };
      const meta = trace === undefined ? {} : { _meta: { ...trace } };
      const params = { name, arguments: { ...args }, ...meta };
      return this.request({ method: "tools/call", params }, untrusted, {
        ...options,
        ...headers,
      });
    }
  }
  return new HeaderMirroringClient(
    { name: "mcp-optimizer", version: "0.1.0" },
    { capabilities: {}, versionNegotiation: { mode: eras } },
  );
}

/** A schema that takes the server's answer out of its envelope and checks nothing: our own parsers do. */
const untrusted: StandardSchemaV1<unknown, unknown> = {
  "~standard": {
    version: 1,
    vendor: "mcp-optimizer",
    validate: (value) => ({ value: isJsonObject(value) ? value[UNTRUSTED_KEY] : undefined }),
  },
};
