// Counts tokens beside the page's thread: loading the vocabulary alone would hold it for longer than a
// frame. The texts are a guest's or a server's, so the time they take is bounded.

import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import type { CountCommand } from "../protocol/count-protocol.ts";
import { countBounded } from "./bounded-count.ts";

/** Longest time for all texts of one command. Milliseconds. */
const MAX_COUNT_MS = 2_000;

self.onmessage = ({ data }: MessageEvent<CountCommand | { readonly type: "boot" }>) => {
  if (data.type === "boot") return self.postMessage(JSON.stringify({ type: "ready" }));
  const deadline = performance.now() + MAX_COUNT_MS;
  const counts = data.texts.map((text) => countBounded(text, (piece) => countTokens(piece, ANY_TEXT), deadline));
  self.postMessage(JSON.stringify({ counts }));
};

/** Words such as `<|endoftext|>` are text like any other. */
const ANY_TEXT = { disallowedSpecial: new Set<string>() };
