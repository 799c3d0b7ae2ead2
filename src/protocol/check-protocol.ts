/** Asks a checker's worker what is wrong with the arguments of one call. */
export interface CheckCommand {
  readonly type: "check";
  /** JSON text of a JSON Schema. */
  readonly schema: string;
  /** JSON text. */
  readonly args: string;
}
