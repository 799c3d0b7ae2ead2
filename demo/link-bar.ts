import { requireElement } from "./element.ts";
import { makeProgramLink, readProgramLink } from "./program-link.ts";
import type { ProgramPanel } from "./program-panel.ts";

/** Wires "Copy link", and shows the program of the link by which the visitor came. It runs nothing. */
export function createLinkBar(panel: ProgramPanel): void {
  const button = requireElement("link-copy", HTMLButtonElement);
  const said = requireElement("link-said", HTMLElement);
  const say = (state: "done" | "failed", text: string): void => {
    said.dataset["state"] = state;
    said.textContent = text;
  };
  const sayFailure = (error: unknown): void =>
    say("failed", error instanceof Error ? error.message : String(error));

  const copy = async (): Promise<void> => {
    const link = await makeProgramLink(location.href, { language: panel.language, code: panel.editor.text });
    try {
      await navigator.clipboard.writeText(link);
      say("done", "Link copied.");
    } catch {
      // A browser may refuse the clipboard; the address bar is the visitor's own.
      history.replaceState(null, "", link);
      say("done", "The link is in the address bar: copy it from there.");
    }
  };
  const restore = async (): Promise<void> => {
    const linked = await readProgramLink(location.hash);
    if (linked === undefined) return;
    panel.open({
      language: linked.language,
      title: "From a link",
      about:
        "This program came with a link. Read it before you run it: it can call the servers on this page.",
      code: linked.code,
    });
    say("done", "The program of the link is in the editor. It has not run.");
  };
  button.addEventListener("click", () => void copy().catch(sayFailure));
  addEventListener("hashchange", () => void restore().catch(sayFailure));
  void restore().catch(sayFailure);
}
