// Keeps the files of this build, so that the page works without its server. What crosses here: requests of the page.
// Only names in the build's list are ever stored, each without a query: no answer of a server, no address of a sign-in.

/** Filled in by the build; see precache-list.ts. */
declare const PRECACHE: {
  readonly version: string;
  readonly files: readonly string[];
  /** Files by their digest that are kept when they are first used. */
  readonly onUse: readonly string[];
};
declare const self: ServiceWorkerGlobalScope;

const PREFIX = "mcp-optimizer-demo-";
const CACHE = `${PREFIX}${PRECACHE.version}`;
const kept = new Set([...PRECACHE.files, ...PRECACHE.onUse].map(addressOf));

self.addEventListener("install", (event) => {
  event.waitUntil(precache());
});

// The worker of an earlier build keeps its pages, with their files, until they are closed: then this one takes over.
self.addEventListener("activate", (event) => {
  event.waitUntil(Promise.all([dropOthers(), self.clients.claim()]));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const address = origin + pathname;
  if (request.method !== "GET" || !kept.has(address)) return;
  event.respondWith(address.includes("/assets/") ? fromCache(address) : fromServer(request, address));
});

async function precache(): Promise<void> {
  const cache = await caches.open(CACHE);
  // Names with a digest may come from the browser's cache; the others have to be those of this build.
  await cache.addAll(
    PRECACHE.files.map(
      (file) => new Request(file, { cache: file.startsWith("assets/") ? "default" : "reload" }),
    ),
  );
}

async function dropOthers(): Promise<void> {
  const names = await caches.keys();
  const others = names.filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(others.map((name) => caches.delete(name)));
}

/** A file whose name has its digest is the same wherever it comes from. */
async function fromCache(address: string): Promise<Response> {
  const cache = await caches.open(CACHE);
  const found = await cache.match(address);
  if (found !== undefined) return found;
  const response = await fetch(address);
  if (response.ok) await cache.put(address, response.clone());
  return response;
}

/** The page of now, or the one that was kept where there is no server. */
async function fromServer(request: Request, address: string): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const found = await (await caches.open(CACHE)).match(address);
    if (found === undefined) throw error;
    return found;
  }
}

function addressOf(file: string): string {
  return new URL(file, self.registration.scope).href;
}
