/** What the language itself brings along: no authority, whatever a program does with it. */
const LANGUAGE = [
  "AggregateError",
  "Array",
  "ArrayBuffer",
  "AsyncDisposableStack",
  "Atomics",
  "BigInt",
  "BigInt64Array",
  "BigUint64Array",
  "Boolean",
  "DataView",
  "Date",
  "DisposableStack",
  "Error",
  "EvalError",
  "FinalizationRegistry",
  "Float16Array",
  "Float32Array",
  "Float64Array",
  "Function",
  "Infinity",
  "Int16Array",
  "Int32Array",
  "Int8Array",
  "Intl",
  "Iterator",
  "JSON",
  "Map",
  "Math",
  "NaN",
  "Number",
  "Object",
  "Promise",
  "Proxy",
  "RangeError",
  "ReferenceError",
  "Reflect",
  "RegExp",
  "Set",
  "String",
  "SuppressedError",
  "Symbol",
  "SyntaxError",
  "Temporal",
  "TypeError",
  "URIError",
  "Uint16Array",
  "Uint32Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "WeakMap",
  "WeakRef",
  "WeakSet",
  "decodeURI",
  "decodeURIComponent",
  "encodeURI",
  "encodeURIComponent",
  "escape",
  "eval",
  "globalThis",
  "isFinite",
  "isNaN",
  "parseFloat",
  "parseInt",
  "undefined",
  "unescape",
];

/**
 * Takes everything out of the worker's global scope that is neither part of the language nor in `keep`,
 * up its whole chain of prototypes. Throws with the names of what will not go.
 */
export function emptyScope(keep: readonly string[]): void {
  const kept = new Set<string | symbol>([...LANGUAGE, ...keep]);
  const left: string[] = [];
  for (
    let at: object | null = globalThis;
    at !== null && at !== Object.prototype;
    at = Reflect.getPrototypeOf(at)
  ) {
    for (const name of Reflect.ownKeys(at)) {
      if (kept.has(name)) continue;
      if (!Reflect.deleteProperty(at, name) && !isConstant(at, name)) left.push(String(name));
    }
  }
  if (left.length > 0) throw new Error(`the worker's scope still holds ${left.join(", ")}`);
}

/** A number or text that the browser pins to the scope: nothing can be done with it. */
function isConstant(holder: object, name: string | symbol): boolean {
  const { value } = Reflect.getOwnPropertyDescriptor(holder, name) ?? {};
  return typeof value === "number" || typeof value === "string";
}
