import { isJsonObject, parseJson } from "../base/json.ts";
import type { ProgramError } from "../protocol/guest-protocol.ts";

/** Reads what the prelude tells of an error. Whatever the guest made of it, an error comes out. */
export function parseThrown(json: string): ProgramError {
  const thrown = parseJson(json);
  const error = new Map(Object.entries(isJsonObject(thrown) ? thrown : {}));
  const field = (key: string): string | undefined => {
    const value = error.get(key);
    return typeof value === "string" ? value : undefined;
  };
  const place = (key: string): number | undefined => {
    const value = error.get(key);
    return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : undefined;
  };
  const [stack, hint, line, column] = [field("stack"), field("hint"), place("line"), place("column")];
  return {
    name: field("name") ?? "Error",
    message: field("message") ?? "",
    kind: field("kind") ?? "exception",
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
    ...(stack === undefined ? {} : { stack }),
    ...(hint === undefined ? {} : { hint }),
  };
}
