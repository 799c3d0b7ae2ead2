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

/** What stays inside one function of an engine of WebAssembly for ever, where only the end of its thread ends it. */
export const LOOPS_IN_WASM: Differences = {
  webkit:
    "WebKitGTK 2.50 ends no thread that loops in WebAssembly: the run ends in time, but what it left takes a core from every test after it.",
};

/** What waits inside synchronous Python. */
export const SYNCHRONOUS_PYTHON: Differences = {
  webkit: "Synchronous code waits by JSPI, which WebKitGTK 2.50 lacks: the call says to write `await`.",
};

/** Patterns that take for ever to find nothing. */
export const ENDLESS_PATTERNS: Differences = {
  webkit: "JavaScriptCore gives up on such a pattern after a number of steps: it holds no thread.",
};

/** What the browser's own engine calls when somebody reads an error's stack. */
export const STACK_FORMATTERS: Differences = {
  webkit: "JavaScriptCore knows no `Error.prepareStackTrace`: nothing of the program's is called.",
};

/** Python with its own memory overwritten. */
export const OVERWRITTEN_PYTHON: Differences = {
  webkit: "The interpreter does not die there at once: it runs on until its time is over, and is ended then.",
};

/** Interpreters that start from the build's snapshot. */
export const SNAPSHOT: Differences = {
  webkit:
    "Pyodide has one function less in WebKitGTK 2.50 than where the snapshot is made: interpreters start anew, each with a hash seed of its own.",
};

/** A `Blob` in a database of the browser's. */
export const STORED_BLOBS: Differences = {
  webkit: "WebKitGTK stores no Blob in the memory that a driven browser has for a disk.",
};

/** Where the browser's own engine finds a name that nobody declared. */
export const PLACES_OF_NAMES: Differences = {
  webkit: "JavaScriptCore points right behind such a name, and not at it.",
};
