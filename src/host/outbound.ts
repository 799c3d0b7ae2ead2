// Requests leave here for servers that the operator named. A name may resolve to any address, now or later:
// each address is looked at when the connection is made, and redirects are not followed.

import type { LookupAddress } from "node:dns";
import { lookup as resolveName } from "node:dns/promises";
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { findOptimizerError, OptimizerError } from "../base/errors.ts";

/** One server as the operator named it. */
export interface OutboundOptions {
  readonly url: URL;
  /** Addresses or subnets (`10.0.0.0/8`) that its name may resolve to although they are not public. Default: none. */
  readonly privateAddresses?: readonly string[];
  /** The addresses of a name, asked for at each new connection. Default: as this machine resolves it. */
  readonly resolve?: (name: string) => Promise<readonly LookupAddress[]>;
}

/** Sends one request to the server, and resolves with its answer as soon as it begins. */
export interface Outbound extends Disposable {
  /** As `fetch` does; but to this server's origin only, without redirects, and bodies stay as they are encoded. */
  readonly fetch: (url: string | URL, init?: RequestInit) => Promise<Response>;
}

/** Statuses that have no body. */
const BODILESS = new Set([101, 204, 205, 304]);

/** How long the server may take to answer at all. Milliseconds. */
const FIRST_BYTE_MS = 120_000;

/** Throws 400 for addresses that are none. */
export function createOutbound({
  url: own,
  privateAddresses = [],
  resolve = (name) => resolveName(name, { all: true }),
}: OutboundOptions): Outbound {
  const allowed = addressList(privateAddresses);
  const isAllowed = createAddressRule(own, allowed);
  const addressesOf = async (name: string): Promise<readonly LookupAddress[]> => {
    const addresses = await resolve(name);
    // One address that is refused spoils the name: whoever owns it is trying something.
    if (addresses.length > 0 && addresses.every(({ address }) => isAllowed(address))) return addresses;
    throw new Error("refused", { cause: privateAddress(name) });
  };
  const answer = async (
    name: string,
    wantsAll: boolean,
    tell: Parameters<LookupFunction>[2],
  ): Promise<void> => {
    try {
      const addresses = await addressesOf(name);
      const [first] = addresses;
      if (wantsAll) tell(null, [...addresses]);
      else tell(null, first?.address ?? "", first?.family);
    } catch (error) {
      tell(error instanceof Error ? error : new Error("refused"), []);
    }
  };
  const lookup: LookupFunction = (name, options, callback) => {
    void answer(name, options.all === true, callback);
  };
  const secure = own.protocol === "https:";
  const agent = secure
    ? new HttpsAgent({ keepAlive: true, lookup })
    : new HttpAgent({ keepAlive: true, lookup });
  const send = secure ? httpsRequest : httpRequest;

  return {
    async fetch(target, init = {}) {
      const url = new URL(target);
      if (url.origin !== own.origin) {
        throw new OptimizerError(`${url.origin} is not the server's origin.`, {
          code: 403,
          kind: "foreign_origin",
          hint: "Name the server by the address that it answers from.",
        });
      }
      const literal = url.hostname.replace(/^\[|\]$/g, "");
      if (isIP(literal) !== 0 && !isAllowed(literal)) throw privateAddress(literal);
      // What `fetch` would make of the body and its headers.
      const { headers, body, method } = new Request(url, withDuplex(init));
      const answer = Promise.withResolvers<IncomingMessage>();
      const outgoing = send(url, {
        agent,
        lookup,
        method,
        headers: Object.fromEntries(headers),
        timeout: FIRST_BYTE_MS,
        ...(init.signal == null ? {} : { signal: init.signal }),
      });
      outgoing.once("response", answer.resolve);
      outgoing.on("error", answer.reject);
      outgoing.once("timeout", () => outgoing.destroy(new Error("The server did not answer in time.")));
      if (body === null) outgoing.end();
      else pipeline(Readable.fromWeb(body), outgoing).catch(answer.reject);
      try {
        return toResponse(await answer.promise);
      } catch (error) {
        throw (error instanceof Error && findOptimizerError(error.cause)) || error;
      }
    },

    [Symbol.dispose]: () => agent.destroy(),
  };
}

function withDuplex(init: RequestInit): RequestInit {
  const { signal: _, ...rest } = init;
  return { ...rest, duplex: "half" };
}

function toResponse(message: IncomingMessage): Response {
  message.socket.setTimeout(0);
  const headers = new Headers();
  for (let at = 0; at < message.rawHeaders.length; at += 2)
    headers.append(message.rawHeaders[at] ?? "", message.rawHeaders[at + 1] ?? "");
  const status = message.statusCode ?? 502;
  if (BODILESS.has(status)) message.resume();
  const body = BODILESS.has(status) ? null : Readable.toWeb(message);
  return new Response(body, { status, statusText: message.statusMessage ?? "", headers });
}

/** Which addresses a server may be reached at: public ones, the one that its URL names, and those that are listed. */
function createAddressRule(own: URL, allowed: BlockList): (address: string) => boolean {
  const named = own.hostname.replace(/^\[|\]$/g, "");
  const isLocal = named === "localhost";
  return (address) => {
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
    const family = isIP(plain) === 6 ? "ipv6" : "ipv4";
    if (plain === named || allowed.check(plain, family)) return true;
    if (isLocal && LOOPBACK.check(plain, family)) return true;
    return !NOT_PUBLIC.check(plain, family);
  };
}

function privateAddress(name: string): OptimizerError {
  return new OptimizerError(`${name} is, or resolves to, an address that is not public.`, {
    code: 403,
    kind: "private_address",
    hint: "If that is meant, name the address itself in the server's url, or list it in its privateAddresses.",
  });
}

const LOOPBACK = addressList(["127.0.0.0/8", "::1"]);

/** Special-purpose addresses: IANA's registries for IPv4 and IPv6. */
const NOT_PUBLIC = addressList([
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
  "::/127",
  "::ffff:0:0/96",
  "64:ff9b::/96",
  "64:ff9b:1::/48",
  "100::/64",
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "3fff::/20",
  "5f00::/16",
  "fc00::/7",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
]);

/** Throws 400 `invalid_options`. */
function addressList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", prefix, more] = entry.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    const bits = prefix === undefined ? (family === "ipv6" ? 128 : 32) : Number(prefix);
    try {
      if (isIP(address) === 0 || more !== undefined || prefix === "") throw new TypeError("no address");
      list.addSubnet(address, bits, family);
    } catch (cause) {
      throw new OptimizerError(`${JSON.stringify(entry)} is no address and no subnet.`, {
        code: 400,
        kind: "invalid_options",
        hint: 'Write "10.1.2.3" or "10.0.0.0/8".',
        cause,
      });
    }
  }
  return list;
}
