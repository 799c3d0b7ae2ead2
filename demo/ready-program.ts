/** The languages that the page offers. */
export type DemoLanguage = "typescript" | "python";

/** A program that is ready to run. */
export interface ReadyProgram {
  readonly id: string;
  readonly title: string;
  /** What to look at, in a sentence or two. */
  readonly about: string;
  readonly code: string;
  /** Set where the default is no good. Milliseconds. */
  readonly timeoutMs?: number;
}

export interface ProgramGroup {
  readonly title: string;
  readonly programs: readonly ReadyProgram[];
}
