import type { ToolDefinition, ToolSource } from "./tool.ts";

/** One tool under the name that programs use. */
export interface CatalogTool {
  /** `namespace.identifier`, such as `github.list_issues`: unique in one version of the catalog. */
  readonly ref: string;
  readonly namespace: string;
  readonly identifier: string;
  readonly source: ToolSource;
  readonly definition: ToolDefinition;
}
