import { assertNever } from "../base/errors.ts";
import { textBytes } from "../base/text.ts";
import type { RuntimeOutcome } from "../protocol/guest-protocol.ts";

/** What an outcome adds to the output. Bytes. */
export function outputBytes(outcome: RuntimeOutcome): number {
  switch (outcome.status) {
    case "returned":
      return textBytes(outcome.json);
    case "threw": {
      const { name, message, stack = "", hint = "" } = outcome.error;
      return textBytes(name) + textBytes(message) + textBytes(stack) + textBytes(hint);
    }
    case "stopped":
      return 0;
    default:
      return assertNever(outcome);
  }
}
