import "../base/dispose-symbols.ts";
import { McpOptimizerDevtools } from "./devtools-element.ts";

export { type RecordedTool, recordedTools } from "./recorded-tools.ts";
export { McpOptimizerDevtools };

declare global {
  interface HTMLElementTagNameMap {
    "mcp-optimizer-devtools": McpOptimizerDevtools;
  }
}

// Where two copies of the package meet in one page, the first one stays.
if (customElements.get("mcp-optimizer-devtools") === undefined)
  customElements.define("mcp-optimizer-devtools", McpOptimizerDevtools);
