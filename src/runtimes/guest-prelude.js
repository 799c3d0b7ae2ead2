// The guest's side of the bridge, the same in every JavaScript sandbox: runs in the program's realm,
// before the program. It takes what it needs from the pristine globals now, because the program may
// change them later. The program shares this realm: nothing here is a boundary, the page checks
// everything again.

export function install(host) {
  const { call, log, settle, sleep, wake, random, decodeBytes, encodeBytes } = host;
  const { parse, stringify } = JSON;
  const { isArray } = Array;
  const { defineProperty, keys } = Object;
  const { then } = Promise.prototype;
  const { toISOString } = Date.prototype;
  const { isView } = ArrayBuffer;
  const apply = Reflect.apply;
  const ownPromise = Promise;
  const ownError = Error;
  const ownTypeError = TypeError;
  const ownMap = Map;
  const ownSet = Set;
  const ownDate = Date;
  const ownBytes = Uint8Array;
  const ownBuffer = ArrayBuffer;
  const mapGet = Map.prototype.get;
  const mapSet = Map.prototype.set;
  const mapDelete = Map.prototype.delete;

  const MAX_DEPTH = 200;
  let pending = new ownMap();
  let timers = new ownMap();

  class ToolError extends ownError {
    // A script may be minified; this name is for programs.
    static name = "ToolError";

    constructor(details, stack) {
      super(details.message);
      for (const key of ["name", "code", "kind", "hint", "tool", "server"]) {
        if (details[key] !== undefined) {
          defineProperty(this, key, {
            value: details[key],
            enumerable: key !== "name",
            configurable: true,
          });
        }
      }
      if (stack !== undefined) defineProperty(this, "stack", { value: stack, configurable: true });
    }
  }

  // What JSON can't say is refused with its path, except where there is one obvious reading.
  // `bytes` tells how binary data is written: "describe" | "base64" | "keep".
  function plain(value, bytes, lenient, path, above) {
    switch (typeof value) {
      case "string":
      case "boolean":
        return value;
      case "number":
        return value - value === 0 ? value : null;
      case "bigint":
        if (lenient) return `${value}n`;
        throw new ownTypeError(
          `${path} is a BigInt, which JSON can't hold: convert it with Number() or String()`,
        );
      case "undefined":
        return lenient && above.length > 0 ? undefined : null;
      case "function":
      case "symbol":
        return lenient ? `[${typeof value}]` : null;
    }
    if (value === null) return null;
    if (above.length >= MAX_DEPTH) {
      if (lenient) return "[deeper]";
      throw new ownTypeError(`${path} is nested deeper than ${MAX_DEPTH} levels`);
    }
    for (let index = 0; index < above.length; index += 1) {
      if (above[index] !== value) continue;
      if (lenient) return "[circular]";
      throw new ownTypeError(`${path} refers back to an object around it, which JSON can't hold`);
    }
    above[above.length] = value;
    const result = plainObject(value, bytes, lenient, path, above);
    above.length -= 1;
    return result;
  }

  function plainObject(value, bytes, lenient, path, above) {
    if (isArray(value)) {
      const result = [];
      for (let index = 0; index < value.length; index += 1) {
        const item = plain(value[index], bytes, lenient, `${path}[${index}]`, above);
        result[index] = item === undefined ? null : item;
      }
      return result;
    }
    if (value instanceof ownDate) return value - value === 0 ? apply(toISOString, value, []) : null;
    if (value instanceof ownBuffer || isView(value)) {
      const view = isView(value)
        ? new ownBytes(value.buffer, value.byteOffset, value.byteLength)
        : new ownBytes(value);
      if (lenient) return `[${view.length} bytes]`;
      const base64 = encodeBytes(view);
      if (bytes === "base64") return base64;
      return bytes === "keep" ? { $bytes: base64 } : { type: "bytes", byteLength: view.length, base64 };
    }
    if (value instanceof ownSet) return plainObject([...value], bytes, lenient, path, above);
    if (value instanceof ownMap) {
      const entries = [...value];
      if (!entries.every((entry) => typeof entry[0] === "string")) {
        return plainObject(entries, bytes, lenient, path, above);
      }
      return plainObject(Object.fromEntries(entries), bytes, lenient, path, above);
    }
    if (typeof value.toJSON === "function") return plain(value.toJSON(""), bytes, lenient, path, above);
    if (value instanceof ownPromise && !lenient) {
      throw new ownTypeError(`${path} is a promise that nobody awaited: write await before the call`);
    }
    if (value instanceof ownError) {
      const { name, message, ...rest } = value;
      return plainObject({ name: value.name, message: value.message, ...rest }, bytes, lenient, path, above);
    }
    const result = {};
    for (const key of keys(value)) {
      const field = value[key];
      if (!lenient && (field === undefined || typeof field === "function" || typeof field === "symbol"))
        continue;
      // Defined, not assigned: `__proto__` is a key like any other.
      defineProperty(result, key, {
        value: plain(field, bytes, lenient, `${path}.${key}`, above),
        enumerable: true,
      });
    }
    return result;
  }

  const toJson = (value, bytes, path) => stringify(plain(value, bytes, false, path, []));

  function show(value) {
    if (typeof value === "string") return value;
    if (value === undefined) return "undefined";
    if (typeof value === "number") return `${value}`;
    try {
      if (value instanceof ownError) return `${value.name}: ${value.message}`;
      return stringify(plain(value, "describe", true, "value", []));
    } catch {
      return "[unprintable]";
    }
  }

  function describeError(error) {
    const field = (key) => {
      try {
        const value = error[key];
        return typeof value === "string" && value !== "" ? value : undefined;
      } catch {
        return undefined;
      }
    };
    if (typeof error !== "object" || error === null) return { name: "Error", message: show(error) };
    const isError = error instanceof ownError;
    return {
      name: field("name") ?? "Error",
      message: field("message") ?? (isError ? "" : show(error)),
      stack: field("stack"),
      kind: isError ? field("kind") : undefined,
      hint: isError ? field("hint") : undefined,
    };
  }

  function revive(value) {
    if (typeof value !== "object" || value === null) return value;
    if (typeof value.$bytes === "string") return decodeBytes(value.$bytes) ?? value.$bytes;
    for (const key of keys(value)) value[key] = revive(value[key]);
    return value;
  }

  function request(operation, target, args) {
    const { stack } = new ownError();
    return new ownPromise((resolve, reject) => {
      const id = call(operation, target, args);
      apply(mapSet, pending, [id, { resolve, reject, stack }]);
    });
  }

  function readable(build) {
    return new Proxy(
      {},
      {
        // A promise that resolves to `tools` must not mistake it for a promise.
        get: (_target, name) =>
          typeof name === "symbol" || name === "then" || name === "toJSON" ? undefined : build(name),
        set: () => false,
        defineProperty: () => false,
        deleteProperty: () => false,
      },
    );
  }

  let namespaces = [];
  const describing = (options) => (typeof options === "object" && options !== null ? options : {});
  const builtins = {
    search: (query, options) =>
      request(
        "search",
        "",
        toJson(
          { query, ...(typeof options === "number" ? { limit: options } : describing(options)) },
          "base64",
          "search",
        ),
      ),
    describe: (names, options) =>
      request(
        "describe",
        "",
        toJson({ names: isArray(names) ? names : [names], ...describing(options) }, "base64", "describe"),
      ),
  };
  const namespace = (server) =>
    readable(
      (tool) => async (args) =>
        request("tool", `${server}.${tool}`, args === undefined ? "{}" : toJson(args, "base64", "args")),
    );
  const tools = new Proxy(
    {},
    {
      get(_target, name) {
        if (typeof name === "symbol" || name === "then" || name === "toJSON") return undefined;
        return name === "search" || name === "describe" ? builtins[name] : namespace(name);
      },
      ownKeys: () => namespaces,
      getOwnPropertyDescriptor: (_target, name) =>
        namespaces.includes(name)
          ? { value: namespace(name), enumerable: true, configurable: true }
          : undefined,
      has: (_target, name) => name === "search" || name === "describe" || namespaces.includes(name),
      set: () => false,
      defineProperty: () => false,
      deleteProperty: () => false,
    },
  );

  const context = Object.freeze({
    get: async (key) => request("context_get", "", toJson({ key }, "keep", "key")),
    set: async (key, value) => request("context_set", "", toJson({ key, value }, "keep", "value")),
    delete: async (key) => request("context_delete", "", toJson({ key }, "keep", "key")),
    keys: async () => request("context_keys", "", "{}"),
    open: async (handle) => request("context_open", "", toJson({ handle }, "keep", "handle")),
  });

  const write =
    (level) =>
    (...values) => {
      let line = "";
      for (let index = 0; index < values.length; index += 1)
        line += (index === 0 ? "" : " ") + show(values[index]);
      log(level, line);
    };
  const console = {
    debug: write("debug"),
    log: write("log"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    table: write("log"),
    dir: write("log"),
  };

  const startTimer = (callback, ms, ...args) => {
    if (typeof callback !== "function") throw new ownTypeError("setTimeout needs a function");
    const timer = sleep(ms > 0 ? +ms : 0);
    apply(mapSet, timers, [timer, () => callback(...args)]);
    return timer;
  };
  const clearTimer = (timer) => {
    if (apply(mapDelete, timers, [timer])) wake(timer);
  };

  // sfc32: a VM may be a copy of one image, so that the engine's own generator would repeat itself.
  let [a, b, c, d] = [1, 2, 3, 4];
  const next = () => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };

  const crypto = {
    getRandomValues(array) {
      if (!isView(array) || array.byteLength > 65536) {
        throw new ownTypeError("getRandomValues needs a typed array of at most 65,536 bytes");
      }
      new ownBytes(array.buffer, array.byteOffset, array.byteLength).set(random(array.byteLength));
      return array;
    },
    randomUUID() {
      const bytes = random(16);
      bytes[6] = (bytes[6] & 0x0f) | 0x40;
      bytes[8] = (bytes[8] & 0x3f) | 0x80;
      let text = "";
      for (let index = 0; index < 16; index += 1) {
        text +=
          (bytes[index] + 256).toString(16).slice(1) +
          (index === 3 || index === 5 || index === 7 || index === 9 ? "-" : "");
      }
      return text;
    },
  };

  // QuickJS's URL comes without its `searchParams`.
  function addSearchParams(ownUrl, ownParams) {
    const known = new WeakMap();
    const { get: readSearch, set: writeSearch } = Object.getOwnPropertyDescriptor(ownUrl.prototype, "search");
    const write = ownParams.prototype.toString;
    defineProperty(ownUrl.prototype, "searchParams", {
      enumerable: true,
      configurable: true,
      get() {
        const search = apply(readSearch, this, []);
        const before = known.get(this);
        if (before?.search === search) return before.params;
        const params = new ownParams(search);
        const entry = { search, params };
        for (const name of ["append", "delete", "set", "sort"]) {
          const change = ownParams.prototype[name];
          const changeBoth = (...values) => {
            apply(change, params, values);
            apply(writeSearch, this, [apply(write, params, [])]);
            entry.search = apply(readSearch, this, []);
          };
          defineProperty(params, name, { value: changeBoth, writable: true, configurable: true });
        }
        known.set(this, entry);
        return params;
      },
    });
  }

  const define = (name, value) =>
    defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  define("tools", tools);
  define("context", context);
  define("console", console);
  define("crypto", crypto);
  define("ToolError", ToolError);
  define("setTimeout", startTimer);
  define("clearTimeout", clearTimer);
  if (typeof URL === "function" && !("searchParams" in URL.prototype)) addSearchParams(URL, URLSearchParams);
  Math.random = () => (next() * 2097152 + (next() >>> 11)) / 9007199254740992;

  return {
    begin(inputs, settings) {
      // The realm may be that of an earlier program, whose calls and timers ended with it.
      pending = new ownMap();
      timers = new ownMap();
      const { namespaces: names, seed } = parse(settings);
      namespaces = names;
      // By index: the program before may have changed how lists are walked.
      ({ 0: a, 1: b, 2: c, 3: d } = seed);
      for (let round = 0; round < 12; round += 1) next();
      const data = parse(inputs);
      define("inputs", data);
      define("params", data);
    },
    watch(promise) {
      apply(then, promise, [
        (value) => {
          let json;
          try {
            json = toJson(value, "describe", "value");
          } catch (error) {
            return settle("threw", stringify({ ...describeError(error), kind: "invalid_value" }));
          }
          settle("returned", json);
        },
        (error) => settle("threw", stringify(describeError(error))),
      ]);
    },
    deliver(id, ok, payload, hasBytes) {
      const waiting = apply(mapGet, pending, [id]);
      if (waiting === undefined) return;
      apply(mapDelete, pending, [id]);
      const value = parse(payload);
      if (ok) waiting.resolve(hasBytes ? revive(value) : value);
      else waiting.reject(new ToolError(value, waiting.stack));
    },
    fire(timer) {
      const callback = apply(mapGet, timers, [timer]);
      if (callback === undefined) return;
      apply(mapDelete, timers, [timer]);
      try {
        callback();
      } catch (error) {
        settle("threw", stringify(describeError(error)));
      }
    },
  };
}
