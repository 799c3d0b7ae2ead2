/**
 * The headers of one file of the demo page, by its path from the root of the site.
 *
 * The page's content security policy stands in `index.html`, where any server serves it; what a
 * document can't say about itself is said here. The sandbox frame's document has its own.
 */
export function pageHeaders(path: string): Readonly<Record<string, string>> {
  const common = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": path.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache",
  };
  if (path.endsWith("/sandbox.html")) return common;
  return { ...common, "content-security-policy": "frame-ancestors 'none'" };
}
