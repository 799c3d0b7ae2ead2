import { OptimizerError } from "../base/errors.ts";
import type { SourceStatus } from "./tool.ts";

/** The error of a call to a server that is not there, or that wants the user to sign in first. */
export function unavailableError(
  id: string,
  { kind, message, hint }: Extract<SourceStatus, { readonly state: "unavailable" }>,
): OptimizerError {
  const refused = kind === "sign_in_required" || kind === "insufficient_scope";
  return new OptimizerError(`The server ${id} is unavailable: ${message}`, {
    code: refused ? 403 : 500,
    kind,
    hint,
    retryable: !refused,
  });
}
