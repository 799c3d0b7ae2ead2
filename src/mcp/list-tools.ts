import { OptimizerError } from "../base/errors.ts";
import type { ToolDefinition } from "../tools/tool.ts";
import type { MirroringClient } from "./mirroring-client.ts";
import { parseToolPage } from "./parse-tools.ts";

/** Pages after which a list ends: at 5,000 tools a page would have to hold 10. */
const MAX_PAGES = 500;

/**
 * Reads a server's whole tool list.
 *
 * It ends early, with what it has, at `maxTools`, after 500 pages, and when a cursor comes back
 * that was seen before. The first of several tools with one name counts.
 *
 * @throws what the SDK throws for a page that fails; OptimizerError 500 `invalid_result` for one that is no list.
 */
export async function listTools(
  client: MirroringClient,
  options: { readonly maxTools: number; readonly pageTimeoutMs: number; readonly signal: AbortSignal },
): Promise<readonly ToolDefinition[]> {
  if (client.getServerCapabilities()?.tools === undefined) return client.adoptTools([]);
  const tools = new Map<string, ToolDefinition>();
  const cursors = new Set<string>();
  let cursor: string | undefined;
  for (let pages = 0; pages < MAX_PAGES && tools.size < options.maxTools; pages += 1) {
    const page = parseToolPage(
      await client.listPage(cursor, { timeout: options.pageTimeoutMs, signal: options.signal }),
    );
    if (page === undefined) {
      throw new OptimizerError("The server's tool list is no list.", {
        code: 500,
        kind: "invalid_result",
        hint: "The server breaks the MCP protocol: its answer to tools/list has no array of tools.",
      });
    }
    for (const tool of page.tools) {
      if (tools.size >= options.maxTools) break;
      if (!tools.has(tool.name)) tools.set(tool.name, tool);
    }
    cursor = page.nextCursor;
    if (cursor === undefined || cursors.has(cursor)) break;
    cursors.add(cursor);
  }
  return client.adoptTools([...tools.values()]);
}
