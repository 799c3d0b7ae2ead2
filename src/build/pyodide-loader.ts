/** Where Pyodide is said to be. It is never asked for: the page hands all of its files in. */
const NOWHERE = "https://pyodide.invalid/pyodide.asm.mjs";

/** What stands in a file of Pyodide's, and what a worker gets in its place. */
type Edit = readonly [from: string | RegExp, to: string];

/**
 * Finds out about workers that can't be modules by asking for a script: a policy that refuses it makes V8 parse all
 * of the file again, to say where that happened.
 */
const ASKS_FOR_SCRIPT: Edit = [
  'try{return globalThis.importScripts("data:text/javascript,"),!0}catch{return!1}',
  "return!1",
];

const ENGINE_LOADER: readonly Edit[] = [
  ASKS_FOR_SCRIPT,
  // It would look for its engine beside itself, and a bundler would put all of it into the script.
  [/\bimport\.meta\.url\b/g, JSON.stringify(NOWHERE)],
  // Memory that is shared where it may not be is reported, again with the place: made when Python first waits in it.
  [
    /\bvar ([\w$]+)=(new Int32Array\(new WebAssembly\.Memory\(\{shared:!0,initial:1,maximum:1\}\)\.buffer\));(.*?)\bAtomics\.wait\(\1,/s,
    "var $1;$3Atomics.wait($1??=$2,",
  ],
  // Nearly all of its megabyte is one function: in parentheses V8 parses it once and not twice.
  [
    /^async function (_createPyodideModule)(\(.*\})export default \1;/s,
    "const $1=(async function$2);export default $1;",
  ],
];

/** Makes one of Pyodide's own modules fit for a worker that has no network, and faster to start. Other modules stay. */
export function prepareLoader(code: string, id: string): string | undefined {
  if (id.endsWith("/pyodide/pyodide.mjs")) return applyEdits(code, [ASKS_FOR_SCRIPT], id);
  if (id.endsWith("/pyodide/pyodide.asm.mjs")) return applyEdits(code, ENGINE_LOADER, id);
  return undefined;
}

function applyEdits(code: string, edits: readonly Edit[], id: string): string {
  return edits.reduce((text, [from, to]) => {
    const edited = text.replace(from, to);
    if (edited === text) throw new Error(`${id} has another shape: ${String(from)} is not in it.`);
    return edited;
  }, code);
}
