// Counts tokens beside the page's thread: loading the vocabulary alone would hold it for longer than a
// frame. The texts are a guest's or a server's, so the time they may take is bounded.

import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { countBounded } from "../base/bounded-count.ts";
import type { CountCommand } from "../protocol/count-protocol.ts";
import type { Envelope } from "../protocol/guest-protocol.ts";

/** Longest time for all texts of one command. Milliseconds. */
const MAX_COUNT_MS = 2_000;

self.onmessage = ({ data }: MessageEvent<Envelope<CountCommand> | { readonly type: "boot" }>) => {
  if ("type" in data) return self.postMessage(JSON.stringify({ type: "ready" }));
  if (data.command === undefined) return;
  const deadline = performance.now() + MAX_COUNT_MS;
  const count = (piece: string): number => countTokens(piece, ANY_TEXT);
  const counts = data.command.texts.map((text) => countBounded(text, count, deadline));
  self.postMessage(JSON.stringify({ counts }));
};

/** Words such as `<|endoftext|>` are text like any other. */
const ANY_TEXT = { disallowedSpecial: new Set<string>() };
