import type { ProgramError } from "../protocol/guest-protocol.ts";

/** Reads an error that a prelude wrote as JSON. What it does not hold gets a neutral value. */
export function parseThrown(json: string): ProgramError {
  const error: unknown = JSON.parse(json);
  const field = (key: string): unknown =>
    typeof error === "object" && error !== null ? Reflect.get(error, key) : undefined;
  const text = (key: string): string | undefined => {
    const value = field(key);
    return typeof value === "string" ? value : undefined;
  };
  const place = (key: string): number | undefined => {
    const value = field(key);
    return typeof value === "number" ? value : undefined;
  };
  const [stack, hint, line, column] = [text("stack"), text("hint"), place("line"), place("column")];
  return {
    name: text("name") ?? "Error",
    message: text("message") ?? "",
    kind: text("kind") ?? "exception",
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
    ...(stack === undefined ? {} : { stack }),
    ...(hint === undefined ? {} : { hint }),
  };
}
