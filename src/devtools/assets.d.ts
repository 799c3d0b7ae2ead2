/** A style sheet's text. Made by the build. */
declare module "*.css?inline" {
  const text: string;
  export default text;
}
