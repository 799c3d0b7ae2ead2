// Counts tokens beside the page's thread: loading the vocabulary alone would hold it for longer than a frame.

import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import type { CountCommand } from "../protocol/count-protocol.ts";
import type { Envelope } from "../protocol/guest-protocol.ts";

self.onmessage = ({ data }: MessageEvent<Envelope<CountCommand> | { readonly type: "boot" }>) => {
  if ("type" in data) return self.postMessage(JSON.stringify({ type: "ready" }));
  if (data.command === undefined) return;
  self.postMessage(JSON.stringify({ counts: data.command.texts.map((text) => countTokens(text, ANY_TEXT)) }));
};

/** Words such as `<|endoftext|>` are text like any other. */
const ANY_TEXT = { disallowedSpecial: new Set<string>() };
