/** A file's text. Made by the build. */
declare module "*?raw" {
  const text: string;
  export default text;
}

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
