import { findOptimizerError } from "../src/index.ts";
import { completeSignIn } from "../src/sign-in.ts";
import { requireElement } from "./element.ts";

const said = requireElement("said", HTMLElement);
try {
  said.textContent = (await completeSignIn())
    ? "Done. You can close this window."
    : "Nobody is signing in here. Begin on the demo page.";
} catch (error) {
  const known = findOptimizerError(error);
  said.textContent = known === undefined ? String(error) : `${known.message} ${known.hint ?? ""}`;
}
