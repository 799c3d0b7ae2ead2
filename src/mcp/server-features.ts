import type { SourceFeatures } from "../tools/tool.ts";
import type { Connection } from "./connection.ts";

const DESCRIPTION_CHARS = 4_096;
const NAME_CHARS = 200;

/** What the server says about itself: its instructions, else its title. */
export function describeServer({ client }: Connection): string | undefined {
  const version = client.getServerVersion();
  const words = client.getInstructions() ?? version?.description ?? version?.title;
  return typeof words === "string" && words !== "" ? words.slice(0, DESCRIPTION_CHARS) : undefined;
}

/** How the server is reached, and what it says that it can do. */
export function featuresOf({ client, via }: Connection): SourceFeatures {
  const { name, version } = client.getServerVersion() ?? {};
  const protocol = client.getNegotiatedProtocolVersion();
  const capabilities = Object.keys(client.getServerCapabilities() ?? {});
  return {
    transport: via,
    ...(protocol === undefined ? {} : { protocol }),
    ...(typeof name === "string" ? { name: name.slice(0, NAME_CHARS) } : {}),
    ...(typeof version === "string" ? { version: version.slice(0, NAME_CHARS) } : {}),
    capabilities: capabilities.slice(0, 50).map((capability) => capability.slice(0, NAME_CHARS)),
  };
}
