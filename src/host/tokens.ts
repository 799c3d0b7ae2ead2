import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { OptimizerError } from "../base/errors.ts";

/** What a token may be used for. */
export const SCOPES = ["run", "approve", "sessions", "intents", "mcp", "relay", "metrics"] as const;

/** What a token allows, one of {@link SCOPES}. */
export type Scope = (typeof SCOPES)[number];

/** One token, known by its digest: who reads the host's files or memory can't use it. */
export interface TokenGrant {
  /** SHA-256 of the token, hexadecimal. */
  readonly sha256: string;
  /** Whose sessions, limits and runs are meant. Default: nobody's in particular. */
  readonly tenant?: string;
  /** Default: all. */
  readonly scopes?: readonly Scope[];
}

/** Who sent a request. */
export interface Caller {
  readonly tenant: string | undefined;
  readonly scopes: ReadonlySet<Scope>;
}

export interface TokenBook {
  /** `undefined` for a token that was not given out. Takes as long for any text of one length. */
  find(token: string): Caller | undefined;
}

/** A new token: 256 bits that nobody can guess. */
export function newToken(): string {
  return `mcpo_${randomBytes(32).toString("base64url")}`;
}

/** The token of an Authorization header; empty where there is none. */
export function readBearer(authorization: string | null | undefined): string {
  return /^Bearer +([\w.~+/=-]{1,512})$/i.exec(authorization ?? "")?.[1] ?? "";
}

/** SHA-256 digest of a token, hexadecimal: what a host keeps of it. */
export function tokenDigest(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** Throws 400 `invalid_options` for grants that make no sense. */
export function createTokenBook(grants: readonly TokenGrant[]): TokenBook {
  const entries = grants.map(({ sha256, tenant, scopes = SCOPES }) => {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw invalid("has no SHA-256 digest in hexadecimal");
    if (tenant !== undefined && (tenant.length === 0 || tenant.length > 200))
      throw invalid("has a tenant that is not 1 to 200 characters long");
    const unknown = scopes.find((scope) => !SCOPES.includes(scope));
    if (unknown !== undefined) throw invalid(`has the scope ${unknown}, which does not exist`);
    return { digest: Buffer.from(sha256, "hex"), caller: { tenant, scopes: new Set(scopes) } };
  });
  return {
    find(token) {
      const digest = createHash("sha256").update(token).digest();
      let found: Caller | undefined;
      for (const entry of entries) if (timingSafeEqual(entry.digest, digest)) found = entry.caller;
      return found;
    },
  };
}

function invalid(what: string): OptimizerError {
  return new OptimizerError(`A token ${what}.`, {
    code: 400,
    kind: "invalid_options",
    hint: `Scopes are: ${SCOPES.join(", ")}.`,
  });
}
