import type { Plugin } from "vite";
import { CONFIG_SCHEMA } from "../cli/config-schema.ts";

/** Puts the schema of the configuration file beside the package's code, for editors. */
export function configSchema(): Plugin {
  return {
    name: "mcp-optimizer:config-schema",
    generateBundle() {
      const source = `${JSON.stringify(CONFIG_SCHEMA, undefined, 2)}\n`;
      this.emitFile({ type: "asset", fileName: "config.schema.json", source });
    },
  };
}
