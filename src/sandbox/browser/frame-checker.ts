import { messageOf, OptimizerError } from "../../base/errors.ts";
import { isJsonObject, type Json, parseJson } from "../../base/json.ts";
import type { CheckCommand } from "../../protocol/check-protocol.ts";
import {
  type ArgumentChecker,
  type ArgumentProblem,
  createArgumentChecker,
  findArgumentSize,
} from "../../tools/arguments.ts";
import workerSha256 from "./argument-worker.ts?script&sha256";
import type { SandboxFrame } from "./frame.ts";
import { createFrameService } from "./frame-service.ts";
import type { ShippedAsset } from "./shipped-asset.ts";

const SCRIPT: ShippedAsset = {
  name: "The checker",
  load: () => import("./argument-worker.ts?script"),
  sha256: workerSha256,
};

/** Arguments of so many values are checked where they are, which takes a few milliseconds. */
const FEW_VALUES = 500;

/** The steps of a check are counted: only one that waits behind many others takes so long. Milliseconds. */
const MAX_CHECK_MS = 20_000;

/** Checks arguments of many values in a worker of the frame: on the page's thread that takes half a second. */
export function createFrameChecker(frame: SandboxFrame): ArgumentChecker {
  const checkHere = createArgumentChecker();
  const service = createFrameService(frame, "checker", SCRIPT);
  return async (schema, args, { json, signal } = {}) => {
    if (schema === undefined || findArgumentSize(args, FEW_VALUES) !== undefined)
      return checkHere(schema, args);
    const command: CheckCommand = {
      type: "check",
      schema: JSON.stringify(schema),
      args: json ?? JSON.stringify(args),
    };
    const timeout = AbortSignal.timeout(MAX_CHECK_MS);
    const ending = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    const ask = (): Promise<readonly ArgumentProblem[]> => service.ask(command, parseProblems, ending);
    try {
      // The worker or its frame may have died of something else.
      return await ask().catch(ask);
    } catch (error) {
      signal?.throwIfAborted();
      throw new OptimizerError(`The arguments could not be checked: ${messageOf(error)}`, {
        code: 500,
        kind: "check_failed",
        hint: "Nothing was sent. Try again, or pass less data at a time.",
      });
    }
  };
}

function parseProblems(data: unknown): readonly ArgumentProblem[] {
  const problems = typeof data === "string" ? parseJson(data) : undefined;
  if (!Array.isArray(problems)) throw new Error("the checker answered with something else than problems");
  return problems.map(parseProblem);
}

function parseProblem(value: Json): ArgumentProblem {
  const { path, expected, got, message } = isJsonObject(value) ? value : {};
  if (
    typeof path === "string" &&
    typeof expected === "string" &&
    typeof got === "string" &&
    typeof message === "string"
  )
    return { path, expected, got, message };
  throw new Error("the checker answered with something else than problems");
}
