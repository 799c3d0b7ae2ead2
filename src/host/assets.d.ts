/** A file's text. Made by the build. */
declare module "*?raw" {
  const text: string;
  export default text;
}
