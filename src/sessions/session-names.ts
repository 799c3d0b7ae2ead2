import { OptimizerError } from "../base/errors.ts";

/** The session of what belongs to no session: approvals, learned shapes, the archive. No caller can name it. */
export const SHARED_SESSION = "\u0000shared";

/**
 * Ids of created sessions have a form of their own. So every tab knows by the name alone that such a session
 * is never begun by using it: once closed or expired it stays gone, whoever still holds its id.
 */
const CREATED = /^ses_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function newSessionId(): string {
  return `ses_${crypto.randomUUID()}`;
}

/** Whether a name is that of a created session. Any other is plain: the first use begins it, and it never expires. */
export function isCreatedId(name: string): boolean {
  return CREATED.test(name);
}

/** Throws 400 `invalid_request` for what no caller may name. */
export function requireSessionName(session: string = "default"): string {
  if (
    typeof session === "string" &&
    session.length > 0 &&
    session.length <= 200 &&
    session !== SHARED_SESSION
  )
    return session;
  throw new OptimizerError("`session` must be a text of 1 to 200 characters.", {
    code: 400,
    kind: "invalid_request",
  });
}
