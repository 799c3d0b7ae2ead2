import type { RawResponse } from "../setup/raw-http.ts";

/** A server under attack, by its address, its token and what can be seen of it from outside. */
export interface HttpTarget {
  readonly url: string;
  /** What the Host header is in honest requests. */
  readonly authority: string;
  readonly token: string;
  /** Sends these bytes over a connection of its own. */
  raw(bytes: string): Promise<RawResponse>;
  /** Programs that were carried out so far. */
  executed(): Promise<number>;
}

/** One attack on the host's door. */
export interface HttpCase {
  readonly id: string;
  /** Classes of the public corpus that this is a variant of. */
  readonly covers: readonly string[];
  readonly wants: string;
  /** Honest requests must be answered meanwhile. */
  readonly takesLong?: true;
  /** Resolves with what it got: nothing, where the door holds. */
  attack(target: HttpTarget): Promise<readonly string[]>;
}

/** The body of a run that would be carried out. */
export const PROGRAM = JSON.stringify({ language: "javascript", code: "return 1 + 1" });

/** A whole request. Headers without a value are left out. */
export function request(
  target: HttpTarget,
  line: string,
  headers: Readonly<Record<string, string | undefined>> = {},
  body = "",
): string {
  const all = { Host: target.authority, "Content-Length": String(Buffer.byteLength(body)), ...headers };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}\r\n`],
  );
  return `${line} HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
}

/** Headers of a run by who holds the token. */
export function honest({ token }: HttpTarget): Readonly<Record<string, string>> {
  return { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
}

/** Sends requests, and tells which had an answer beside the statuses that are right, or a program carried out. */
export async function mustRefuse(
  target: HttpTarget,
  requests: readonly (readonly [name: string, bytes: string])[],
  statuses: readonly number[],
): Promise<readonly string[]> {
  const got: string[] = [];
  for (const [name, bytes] of requests) {
    const before = await target.executed();
    const response = await target.raw(bytes);
    if (!statuses.includes(response.status)) got.push(`${name}: status ${response.status}`);
    if (response.headers["access-control-allow-origin"] !== undefined)
      got.push(`${name}: a page may read it`);
    if (/\bat .+:\d+:\d+|node_modules|\/(?:home|root|tmp|work)\//.test(response.body))
      got.push(`${name}: a path`);
    if ((await target.executed()) !== before) got.push(`${name}: a program ran`);
  }
  return got;
}
