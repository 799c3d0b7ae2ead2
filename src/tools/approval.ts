import { canonicalJson } from "../base/canonical-json.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import { sha256 } from "../base/sha256.ts";
import type { CatalogTool } from "./catalog-tool.ts";
import type { AskReason } from "./grant.ts";
import type { ToolDefinition } from "./tool.ts";

/** A call that somebody has to decide about. */
export interface ApprovalRequest {
  /** Names the call to `optimizer.resume`. */
  readonly id: string;
  readonly runId: string;
  readonly session: string;
  /** Number of the call in its run, as events have it. */
  readonly call: number;
  /** Ref of the tool. */
  readonly tool: string;
  readonly args: JsonObject;
  readonly reason: AskReason;
  /** The reason as a sentence for people. */
  readonly message: string;
  /** Digest of the tool's definition: a decision is about this one, and no later one. */
  readonly definitionSha256: string;
  /** Present when the tool was approved before and its definition is another one now. */
  readonly change?: { readonly before: JsonObject; readonly after: JsonObject };
  /** Tools whose answers the run has seen and that are private or untrusted. */
  readonly taint?: readonly string[];
  /** What is odd about the tool, such as a name that another server has too. */
  readonly warnings: readonly string[];
}

/** What somebody decided about a call. */
export interface Decision {
  readonly allow: boolean;
  /** Later calls of this tool need no word, as long as its definition stays the same. Default false. */
  readonly remember?: boolean;
  /** Why not: the program is told. */
  readonly message?: string;
}

/** A tool as it was when somebody approved it. */
export interface Pin {
  /** SHA-256 of the definition, hexadecimal. */
  readonly sha256: string;
  readonly definition: JsonObject;
}

/** The definition as it is now. What a server changes behind an approval changes the digest. */
export async function pinOf(tool: CatalogTool): Promise<Pin> {
  const definition = definitionJson(tool.definition);
  const bytes = new TextEncoder().encode(canonicalJson(definition) ?? "");
  return { sha256: await sha256(bytes), definition };
}

function definitionJson(definition: ToolDefinition): JsonObject {
  const json: unknown = JSON.parse(JSON.stringify(definition));
  return isJsonObject(json) ? json : {};
}

/** Reads a stored pin, which may be anything. */
export function parsePin(value: unknown): Pin | undefined {
  if (!isJsonObject(value)) return undefined;
  const { sha256, definition } = value;
  return typeof sha256 === "string" && isJsonObject(definition) ? { sha256, definition } : undefined;
}
