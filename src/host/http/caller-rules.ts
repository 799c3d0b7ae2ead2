// Who may speak to the host at all is decided here, before anything of a request is looked at. A page
// anywhere can make a browser send requests here, and can let a name of its own point to this machine.

import type { IncomingMessage } from "node:http";
import { OptimizerError } from "../../base/errors.ts";

/** Exact names and origins. */
export interface CallerRules {
  /** What the Host header may be, port included. */
  readonly hosts: ReadonlySet<string>;
  /** Pages that may send requests and read the answers. */
  readonly origins: ReadonlySet<string>;
}

/** Throws 403 for a request under another name, or from a page that is not allowed. */
export function requireTrustedCaller(request: IncomingMessage, rules: CallerRules): void {
  const { host, origin } = request.headersDistinct;
  if (host?.length !== 1 || !rules.hosts.has(String(host[0]).toLowerCase())) {
    throw refused("untrusted_host", "The host is not known by this name.", "Add the name to `hostnames`.");
  }
  if (request.url?.startsWith("/") !== true)
    throw refused("untrusted_host", "The request names another target than a path.");
  if (origin !== undefined) {
    const [only = ""] = origin;
    // `null` is never in the set: it is the origin of every sandboxed frame.
    if (origin.length !== 1 || !rules.origins.has(only))
      throw refused("untrusted_origin", "Pages of this origin may not use the host.", "Add it to `origins`.");
    return;
  }
  const site = request.headersDistinct["sec-fetch-site"]?.[0];
  if (site === "cross-site" || site === "same-site")
    throw refused("untrusted_origin", "A page sent this without saying which one.");
}

function refused(kind: string, message: string, hint?: string): OptimizerError {
  return new OptimizerError(message, { code: 403, kind, ...(hint === undefined ? {} : { hint }) });
}

/** A page's origin as browsers write it. Throws 400 for anything else, `null` and `*` included. */
export function requireOrigin(origin: string): string {
  if (URL.canParse(origin) && new URL(origin).origin === origin) return origin;
  throw new OptimizerError(`${JSON.stringify(origin)} is no origin.`, {
    code: 400,
    kind: "invalid_options",
    hint: 'Write scheme, name and port as browsers do: "https://app.example.com".',
  });
}
