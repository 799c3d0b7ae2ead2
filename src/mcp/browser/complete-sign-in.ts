// The query of the redirect page crosses here. Anybody can make a browser open that page: only the answer to a
// sign-in that this browser began, and the first one, goes any further.

import { openSignInChannel } from "./sign-in-channel.ts";
import { refuseSignIn } from "./sign-in-errors.ts";
import { PENDING_MS, pendingSlot } from "./sign-in-flow.ts";
import { parsePending, toJson } from "./sign-in-records.ts";
import { SignInStore } from "./sign-in-store.ts";

const MAX_QUERY_CHARS = 8_192;

/**
 * Takes the answer of an authorization server to the page that waits for it: to be called by the page at
 * `redirectUrl`, as its first work.
 *
 * A popup closes after it; a redirect goes on to the page that began. Resolves with `false` where the page's
 * address carries no answer.
 *
 * @throws OptimizerError 403 `unknown_sign_in` for an answer to nothing, a second one, or a late one.
 */
export async function completeSignIn(): Promise<boolean> {
  const response = location.search;
  const answer = new URLSearchParams(response);
  const [state, ...more] = answer.getAll("state");
  if (state === undefined && !answer.has("code") && !answer.has("error")) return false;
  // The code is worth something: not in the history, nor in what the page sends as its referrer.
  history.replaceState(null, "", location.pathname);
  const doubled = ["code", "iss", "error"].some((name) => answer.getAll(name).length > 1);
  if (state === undefined || more.length > 0 || doubled || response.length > MAX_QUERY_CHARS) throw unknown();
  const slot = await pendingSlot(state);
  const store = new SignInStore();
  const found = await store.read(slot);
  const pending = found === undefined ? undefined : parsePending(found.value);
  if (found === undefined || pending === undefined || pending.response !== undefined) throw unknown();
  if (Date.now() - pending.startedAt > PENDING_MS || pending.client.redirectUrl !== location.href)
    throw unknown();
  if (!(await store.replace(slot, found.version, toJson({ ...pending, response })))) throw unknown();
  if (pending.mode === "redirect") {
    location.replace(pending.returnTo);
    return true;
  }
  const channel = openSignInChannel(() => {});
  channel.tell({ type: "answered", slot });
  channel.close();
  window.close();
  return true;
}

function unknown() {
  return refuseSignIn(
    "unknown_sign_in",
    "This answer belongs to no sign-in that was begun in this browser, or to one that has ended.",
    "Close this page, and begin to sign in again.",
  );
}
