import { createHost, type Host } from "../../../src/host/create-host.ts";
import type { HostOptions } from "../../../src/host/host-options.ts";
import { inProcessSandbox } from "./in-process-sandbox.ts";

/** A host on a free port, and requests that carry its token. */
export interface OpenHost extends AsyncDisposable {
  readonly host: Host;
  readonly url: string;
  readonly token: string;
  /** Sends a request with the token; a `json` body makes it a POST. */
  send(
    path: string,
    init?: RequestInit & { readonly json?: unknown; readonly token?: string },
  ): Promise<Response>;
}

export async function openHost(options: Partial<HostOptions> = {}): Promise<OpenHost> {
  const host = await createHost({ port: 0, sandboxes: [inProcessSandbox()], ...options });
  const token = host.token ?? "";
  return {
    host,
    url: host.url,
    token,
    send(path, { json, token: own = token, ...init } = {}) {
      const headers = new Headers(init.headers);
      headers.set("authorization", `Bearer ${own}`);
      if (json === undefined) return fetch(`${host.url}${path}`, { ...init, headers });
      headers.set("content-type", "application/json");
      return fetch(`${host.url}${path}`, { method: "POST", ...init, headers, body: JSON.stringify(json) });
    },
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

/** The events of a stream of NDJSON, read to its end. */
export async function readEvents(response: Response): Promise<readonly Record<string, unknown>[]> {
  const text = await response.text();
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}
