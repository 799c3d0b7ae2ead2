// Parses programs for the runtimes that should not carry a parser each. It reads guests' texts and runs
// none of them.

import type { Envelope } from "../protocol/guest-protocol.ts";
import type { ParseCommand } from "../protocol/prepared-program.ts";
import { prepareProgram } from "./javascript-program.ts";
import { stripTypes } from "./strip-types.ts";

self.onmessage = ({ data }: MessageEvent<Envelope<ParseCommand> | { readonly type: "boot" }>) => {
  if ("type" in data) return self.postMessage(JSON.stringify({ type: "ready" }));
  if (data.command === undefined) return;
  const { language, code } = data.command;
  const prepared = prepareProgram(language, code, stripTypes);
  self.postMessage(JSON.stringify("source" in prepared ? prepared : { error: prepared }));
};
