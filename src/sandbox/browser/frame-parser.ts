import parserSha256 from "../../runtimes/parser-worker.ts?script&sha256";
import { createProgramParser, type ProgramParser } from "../program-parser.ts";
import type { SandboxFrame } from "./frame.ts";
import { createFrameService } from "./frame-service.ts";
import type { ShippedAsset } from "./shipped-asset.ts";

const SCRIPT: ShippedAsset = {
  name: "The parser",
  load: () => import("../../runtimes/parser-worker.ts?script"),
  sha256: parserSha256,
};

/** A parser in a worker of the frame. */
export function createFrameParser(frame: SandboxFrame): ProgramParser {
  return createProgramParser(() => createFrameService(frame, "parser", SCRIPT));
}
