import { transform } from "sucrase";
import type { StripTypes } from "./javascript-program.ts";

/** Apart from the parser: it takes long to load, and programs in JavaScript need none of it. */
export const stripTypes: StripTypes = (code) => {
  const { code: stripped, sourceMap } = transform(code, {
    transforms: ["typescript"],
    disableESTransforms: true,
    keepUnusedImports: true,
    filePath: "program.ts",
    sourceMapOptions: { compiledFilename: "program.js" },
  });
  return { code: stripped, ...(sourceMap === undefined ? {} : { map: sourceMap.mappings }) };
};
