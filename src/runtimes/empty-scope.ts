// Empties the scope of a worker before a guest's program runs in it. What the browser put there is
// authority: network, storage, workers, messages. The frame's policy refuses most of it as well; what is
// not there need not be refused.

/** What the language itself puts into a scope. Memory that threads share is not among it. */
const LANGUAGE: ReadonlySet<string> = new Set(
  (
    "AggregateError Array ArrayBuffer AsyncDisposableStack BigInt BigInt64Array BigUint64Array Boolean DataView Date " +
    "DisposableStack Error EvalError FinalizationRegistry Float16Array Float32Array Float64Array Function Infinity " +
    "Int16Array Int32Array Int8Array Intl Iterator JSON Map Math NaN Number Object Promise Proxy RangeError " +
    "ReferenceError Reflect RegExp Set String SuppressedError Symbol SyntaxError Temporal TypeError URIError " +
    "Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet decodeURI decodeURIComponent " +
    "encodeURI encodeURIComponent escape eval globalThis isFinite isNaN parseFloat parseInt undefined unescape"
  ).split(" "),
);

/**
 * Takes every name out of this worker's scope, and out of the prototypes behind it, that neither the
 * language puts there nor `keep` lists. Returns the names that would not go: with one of them, the
 * worker is not fit to run a guest.
 *
 * Handlers that were set before still work; everything else that is needed later is taken before. `bySymbols`
 * where the engine finds its own way about the scope by symbols and the prototypes, as Deno does: those stay.
 */
export function emptyScope(keep: ReadonlySet<string>, bySymbols = false): readonly string[] {
  const stayed: string[] = [];
  let holder: object | null = globalThis;
  while (holder !== null && holder !== Object.prototype) {
    for (const key of Reflect.ownKeys(holder)) {
      if (typeof key === "string" ? LANGUAGE.has(key) || keep.has(key) : bySymbols) continue;
      if (!Reflect.deleteProperty(holder, key) && !isConstant(holder, key)) stayed.push(String(key));
    }
    holder = bySymbols ? null : Object.getPrototypeOf(holder);
  }
  return stayed;
}

/** Numbers and texts, such as `PERSISTENT`, cannot be deleted and lead nowhere. */
function isConstant(holder: object, key: string | symbol): boolean {
  const descriptor = Reflect.getOwnPropertyDescriptor(holder, key);
  const value: unknown = descriptor?.value;
  return descriptor?.get === undefined && typeof value !== "object" && typeof value !== "function";
}
