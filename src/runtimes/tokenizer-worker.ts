// Counts tokens beside the page's thread: loading the vocabulary alone would hold it for longer than a
// frame. The texts are a guest's or a server's, so the time they may take is bounded.

import { GptEncoding } from "gpt-tokenizer/GptEncoding";
import { countBounded } from "../base/bounded-count.ts";
import type { CountCommand } from "../protocol/count-protocol.ts";
import type { Envelope } from "../protocol/guest-protocol.ts";

/** What the worker starts with: the vocabulary, each token at its rank, as JSON. */
interface TokenizerBoot {
  readonly type: "boot";
  readonly files: { readonly ranks: BufferSource };
}

/** Longest time for all texts of one command. Milliseconds. */
const MAX_COUNT_MS = 2_000;

/** Words such as `<|endoftext|>` are text like any other. */
const ANY_TEXT = { disallowedSpecial: new Set<string>() };

let encoding: GptEncoding | undefined;

self.onmessage = ({ data }: MessageEvent<Envelope<CountCommand> | TokenizerBoot>) => {
  if ("type" in data) {
    const ranks = JSON.parse(new TextDecoder().decode(data.files.ranks));
    encoding = GptEncoding.getEncodingApi("o200k_base", () => ranks);
    self.postMessage(JSON.stringify({ type: "ready" }));
  } else if (data.command !== undefined && encoding !== undefined) {
    const tokenizer = encoding;
    const deadline = performance.now() + MAX_COUNT_MS;
    const count = (piece: string): number => tokenizer.countTokens(piece, ANY_TEXT);
    const counts = data.command.texts.map((text) => countBounded(text, count, deadline));
    self.postMessage(JSON.stringify({ counts }));
  }
};
