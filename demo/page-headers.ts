/**
 * The headers of one file of the demo page, by its path from the root of the site and the query of its address.
 *
 * The page's content security policy stands in `index.html`, where any server serves it; what a
 * document can't say about itself is said here. The sandbox frame's document has its own.
 */
export function pageHeaders(path: string, query = ""): Readonly<Record<string, string>> {
  // The page asks for the frame's document by its digest. Browsers take no sandboxed frame from a service worker: offline
  // it comes from their own cache.
  const isOneForEver = path.startsWith("/assets/") || (path === "/sandbox.html" && query !== "");
  const common = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": isOneForEver ? "public, max-age=31536000, immutable" : "no-cache",
  };
  if (path.endsWith("/sandbox.html")) return common;
  return { ...common, "content-security-policy": "frame-ancestors 'none'" };
}
