/** An entry with all its imports as one classic script. Made by the build. */
declare module "*?script" {
  const source: string;
  export default source;
}

/** An entry with all its imports as one CommonJS module for Node. Made by the build. */
declare module "*?node" {
  const source: string;
  export default source;
}

/** The sandbox frame's whole document. Made by the build. */
declare module "*?frame" {
  const html: string;
  export default html;
}

/** A file's bytes, gzipped, as base64. Made by the build. */
declare module "*?gzip" {
  const base64: string;
  export default base64;
}

/** Pyodide's standard library, compiled, as base64. Made by the build. */
declare module "*?pyc" {
  const base64: string;
  export default base64;
}

/** The memory of an interpreter over that library, gzipped, as base64. Made by the build. */
declare module "*?snapshot" {
  const base64: string;
  export default base64;
}

/** The memory of a QuickJS that has run the guest's prelude, gzipped, as base64. Made by the build. */
declare module "*?vm" {
  const base64: string;
  export default base64;
}

/** A tokenizer's vocabulary, each token at its rank, as JSON, gzipped, as base64. Made by the build. */
declare module "*?ranks" {
  const base64: string;
  export default base64;
}

/** The SHA-256 digest of one of these, hexadecimal. Made by the build. */
declare module "*&sha256" {
  const digest: string;
  export default digest;
}
