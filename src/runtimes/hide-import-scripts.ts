// Pyodide refuses to start where `importScripts` works, as in every classic worker; and only classic
// workers start from a blob in an opaque origin (Chromium 156). Imported first: it looks when it loads.
Object.defineProperty(self, "importScripts", { value: undefined, configurable: true });
