import type { GuestCall, GuestError, GuestReply } from "../protocol/guest-protocol.ts";

type Failure = Pick<GuestError, "message" | "kind" | "code" | "hint">;

/** What a program gets for a call that somebody must decide, where programs can't be frozen meanwhile. */
export const NEEDS_APPROVAL: Failure = {
  message: "The call needs an approval, and a program can't wait for one in this sandbox.",
  kind: "approval_required",
  code: 403,
  hint: "Do without this call, or write the program in JavaScript or TypeScript for a sandbox that can wait.",
};

/** What it gets when it holds too much to be frozen. */
export const TOO_LARGE: Failure = {
  message: "The call needs an approval, and the program holds too much data to wait for one.",
  kind: "snapshot_too_large",
  code: 429,
  hint: "Make the call while less data is in variables, or in a program of its own.",
};

/** The reply to a call that is not made. */
export function refusal({ operation, target }: GuestCall, failure: Failure): GuestReply {
  const tool = operation === "tool" ? { tool: target } : {};
  return { ok: false, error: { name: "ToolError", ...failure, ...tool } };
}
