// @ts-check
/** A failure that its reader can repair: the message says what happened, the hint what to do. */
export class SetupError extends Error {
  /**
   * @param {string} message
   * @param {{ hint: string, output?: string }} options
   */
  constructor(message, { hint, output = "" }) {
    super(message);
    this.name = "SetupError";
    this.hint = hint;
    this.output = output;
  }
}
