import type { FetchLike } from "./limited-fetch.ts";

/**
 * A `fetch` that sends the configured headers of one server to its origin only.
 *
 * The SDK would send them to every address that it asks in the course of a sign-in, and it is the server that
 * names those.
 */
export function addServerHeaders(
  fetch: FetchLike,
  server: URL,
  configured: Readonly<Record<string, string>>,
): FetchLike {
  return (url, init) => {
    if (new URL(url).origin !== server.origin) return fetch(url, init);
    const headers = new Headers(configured);
    // What the protocol itself says stands.
    new Headers(init?.headers).forEach((value, name) => {
      headers.set(name, value);
    });
    return fetch(url, { ...init, headers });
  };
}
