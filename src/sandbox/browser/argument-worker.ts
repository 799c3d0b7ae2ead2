// Checks arguments of thousands of values beside the page's thread. Schemas are a server's and arguments a
// guest's; neither is more than data here.

import { isJsonObject, parseJson } from "../../base/json.ts";
import type { CheckCommand } from "../../protocol/check-protocol.ts";
import type { Envelope } from "../../protocol/guest-protocol.ts";
import { createArgumentChecker } from "../../tools/arguments.ts";

/** As many values as the broker lets pass in the arguments of a call. */
const check = createArgumentChecker(100_000);

self.onmessage = ({ data }: MessageEvent<Envelope<CheckCommand> | { readonly type: "boot" }>) => {
  if ("type" in data) return self.postMessage(JSON.stringify({ type: "ready" }));
  if (data.command === undefined) return;
  const schema = parseJson(data.command.schema);
  const args = parseJson(data.command.args);
  self.postMessage(JSON.stringify(isJsonObject(schema) && args !== undefined ? check(schema, args) : null));
};
