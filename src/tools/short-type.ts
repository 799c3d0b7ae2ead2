import type { Shape } from "./shape.ts";
import { SIGNATURE_DETAILS } from "./signature-detail.ts";
import { pythonType } from "./signature-python.ts";
import { typescriptType } from "./signature-typescript.ts";

/** A type in one line, as full as it can be in so many characters; `undefined` when not even the shortest fits. */
export function shortType(
  shape: Shape,
  language: "typescript" | "python",
  maxCharacters: number,
): string | undefined {
  const write = language === "python" ? pythonType : typescriptType;
  // The first rendering that is short enough is the fullest.
  return SIGNATURE_DETAILS.filter(({ outputDepth }) => outputDepth >= 0)
    .map((detail) => write(shape, { ...detail, nestedChars: 0 }, detail.outputDepth))
    .find(({ length }) => length <= maxCharacters);
}
