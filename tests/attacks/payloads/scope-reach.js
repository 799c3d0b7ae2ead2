// Walks everything that code can reach from its global object: members, accessors, prototypes, symbols,
// frames of the stack. Reports the names that lead out of a worker, with the path to them.
function findAuthority(names) {
  const wanted = new Set(names);
  const seen = new Set();
  const found = [];
  const queue = [];
  const visit = (value, path) => {
    if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return;
    seen.add(value);
    if (typeof value === "function" && wanted.has(value.name)) found.push(path);
    queue.push([value, path]);
  };
  visit(globalThis, "globalThis");
  visit((async () => {}).constructor, "AsyncFunction");
  visit((function* () {})(), "generator");
  visit((async function* () {})(), "asyncGenerator");
  visit([][Symbol.iterator](), "arrayIterator");
  visit("".matchAll(/a/g), "matches");
  visit(import("data:text/javascript,1").catch(() => {}), "importing");
  const { prepareStackTrace } = Error;
  Error.prepareStackTrace = (_error, frames) => frames;
  const frames = new Error("x").stack;
  Error.prepareStackTrace = prepareStackTrace;
  if (Array.isArray(frames)) {
    for (const [at, frame] of frames.entries()) {
      visit(frame, `frame ${at}`);
      for (const get of ["getThis", "getFunction", "getEvalOrigin"]) visit(frame[get]?.(), `frame ${at}.${get}()`);
    }
  }
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const [holder, path] = next;
    visit(Object.getPrototypeOf(holder), `${path}.__proto__`);
    for (const key of Reflect.ownKeys(holder)) {
      const at = `${path}.${String(key)}`;
      const descriptor = Reflect.getOwnPropertyDescriptor(holder, key);
      if (typeof key === "string" && wanted.has(key) && (descriptor.value ?? descriptor.get) !== undefined) found.push(at);
      visit(descriptor.value, at);
      visit(descriptor.get, `get ${at}`);
      visit(descriptor.set, `set ${at}`);
      if (descriptor.get !== undefined) {
        try {
          visit(Reflect.get(holder, key, holder), at);
        } catch {
          // An accessor of something else than this.
        }
      }
    }
  }
  return { found, visited: seen.size };
}
