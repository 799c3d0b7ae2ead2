import { OptimizerError } from "../../base/errors.ts";
import { pause } from "../../base/waits.ts";

const LOOK_MS = 500;

/**
 * Opens an empty popup, cut off from this page: what it shows later can't lead this page elsewhere. To be called
 * in the click itself, or the browser blocks it.
 *
 * @throws OptimizerError 403 `popup_blocked`.
 */
export function openPopup(): Window {
  const popup = window.open("", "_blank", "popup,width=520,height=680");
  if (popup === null) {
    throw new OptimizerError("The browser blocked the window to sign in.", {
      code: 403,
      kind: "popup_blocked",
      hint: 'Call signIn() in the handler of a click, before any `await`, or with { mode: "redirect" }.',
    });
  }
  popup.opener = null;
  return popup;
}

/**
 * Resolves when the user has closed the popup, or `signal` aborts.
 *
 * A page that isolates itself (COOP) looks closed from here while it is shown; but then it has the focus.
 */
export async function popupClosed(popup: Window, signal: AbortSignal): Promise<void> {
  let seen = 0;
  while (!signal.aborted && seen < 2) {
    await pause(LOOK_MS, signal);
    seen = popup.closed && document.hasFocus() ? seen + 1 : 0;
  }
}
