import { indexedDb } from "../../src/context/browser/indexed-db.ts";
import { memory } from "../../src/context/memory.ts";
import { contextStoreSuite } from "../suites/context-store-suite.ts";

contextStoreSuite("memory()", { createBackend: memory });

let made = 0;
const names = new WeakMap<object, string>();

contextStoreSuite("indexedDb()", {
  createBackend() {
    made += 1;
    const name = `suite-${performance.timeOrigin}-${made}`;
    const backend = indexedDb({ name });
    names.set(backend, name);
    return backend;
  },
  reopen: (backend) => indexedDb({ name: names.get(backend) ?? "" }),
});
