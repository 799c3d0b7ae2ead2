// Counts tokens beside the page's thread: loading the vocabulary alone would hold it for longer than a frame.

import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import type { CountCommand } from "../protocol/count-protocol.ts";

self.onmessage = ({ data }: MessageEvent<CountCommand | { readonly type: "boot" }>) => {
  const answer = data.type === "count" ? { counts: data.texts.map((text) => countTokens(text, ANY_TEXT)) } : { type: "ready" };
  self.postMessage(JSON.stringify(answer));
};

/** Words such as `<|endoftext|>` are text like any other. */
const ANY_TEXT = { disallowedSpecial: new Set<string>() };
