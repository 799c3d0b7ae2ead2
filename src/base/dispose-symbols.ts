/**
 * Gives the language's symbols of disposal to a browser that has none yet (Safari 26): without them every
 * object of ours would keep its end under the name "undefined". They are those that compiled `using` looks for.
 */
for (const name of ["dispose", "asyncDispose"] as const) {
  if (typeof Symbol[name] !== "symbol")
    Object.defineProperty(Symbol, name, { value: Symbol.for(`Symbol.${name}`) });
}

export {};
