/** Counts the tokens of several texts at once, one number a text, in the order given. */
export type TokenCounter = (texts: readonly string[]) => Promise<readonly number[]>;
