import ranksSha256 from "gpt-tokenizer/bpeRanks/o200k_base?ranks&sha256";
import { createBatchedCounter } from "../../base/batched-counter.ts";
import type { TokenCounter } from "../../base/tokens.ts";
import { parseCounts } from "../../protocol/count-protocol.ts";
import workerSha256 from "../../runtimes/tokenizer-worker.ts?script&sha256";
import type { SandboxFrame } from "./frame.ts";
import { createFrameService } from "./frame-service.ts";
import type { ShippedAsset } from "./shipped-asset.ts";

const SCRIPT: ShippedAsset = {
  name: "The tokenizer",
  load: () => import("../../runtimes/tokenizer-worker.ts?script"),
  sha256: workerSha256,
};

const RANKS: ShippedAsset = {
  name: "The tokenizer's vocabulary",
  load: () => import("gpt-tokenizer/bpeRanks/o200k_base?ranks"),
  sha256: ranksSha256,
};

/** A counter that works in a worker of the frame, started at the first use and again when it died. */
export function createFrameTokenizer(frame: SandboxFrame): TokenCounter {
  const service = createFrameService(frame, "tokenizer", SCRIPT, { ranks: RANKS });
  return createBatchedCounter((texts) =>
    service.ask({ type: "count", texts }, (data) => parseCounts(data, texts.length)),
  );
}
