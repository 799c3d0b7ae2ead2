/** Browsers in which a test can't hold, each with the reason: the report shows it. */
export interface Differences {
  readonly firefox?: string;
  readonly webkit?: string;
}

/** What starts workers from a worker: native() for each program, and some attacks. */
export const NESTED_WORKERS: Differences = {
  firefox:
    "Now and then a worker that starts a worker hangs for ever in `new Worker` (Firefox ESR 153 misses its own signal).",
};

/** What recurses inside QuickJS until its own stack is full. */
export const RECURSION: Differences = {
  firefox:
    "A worker's own stack is smaller in Firefox than what QuickJS may take of it: the run ends as crashed, and not as an error of the program.",
};

/** What waits inside synchronous Python. */
export const SYNCHRONOUS_PYTHON: Differences = {
  webkit: "Synchronous code waits by JSPI, which WebKitGTK 2.50 lacks: the call says to write `await`.",
};

/** The attacks of Python programs. */
export const PYTHON_ATTACKS: Differences = {
  webkit:
    "Not tried there yet: an interpreter starts in seconds, and many of these programs call synchronously.",
};
