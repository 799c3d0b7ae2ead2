import { createEditor, type ProgramEditor } from "./editor.ts";
import { element, isDisabled, requireElement, setDisabled } from "./element.ts";
import { formatMs } from "./format.ts";
import { PROGRAM_GROUPS, PROGRAMS, type ReadyProgram } from "./programs.ts";

/** What to run, as the visitor has it before them. */
export interface ProgramRequest {
  readonly code: string;
  readonly timeoutMs: number;
}

export interface ProgramPanelOptions {
  readonly onRun: (request: ProgramRequest) => void;
  readonly onCancel: () => void;
}

/** The choice of programs, the editor and its buttons. */
export interface ProgramPanel {
  readonly editor: ProgramEditor;
  /** `waiting` until there is an engine. */
  setState(state: "waiting" | "ready" | "running"): void;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const TIMEOUTS_MS: readonly number[] = [1_000, 5_000, DEFAULT_TIMEOUT_MS, 30_000, 60_000];
const isMac = /mac|iphone|ipad/i.test(navigator.userAgent);

/** Wires the program column of index.html. */
export function createProgramPanel({ onRun, onCancel }: ProgramPanelOptions): ProgramPanel {
  const choice = requireElement("program-choice", HTMLSelectElement);
  const about = requireElement("program-about", HTMLElement);
  const reset = requireElement("program-reset", HTMLButtonElement);
  const run = requireElement("run", HTMLButtonElement);
  const cancel = requireElement("cancel", HTMLButtonElement);
  const timeLimit = requireElement("time-limit", HTMLSelectElement);
  const help = requireElement("editor-help", HTMLElement);
  const edits = new Map<string, string>();

  const current = (): ReadyProgram => {
    const program = PROGRAMS.find(({ id }) => id === choice.value) ?? PROGRAMS[0];
    if (program === undefined) throw new Error("There are no programs.");
    return program;
  };
  const start = (): void => {
    if (!isDisabled(run)) onRun({ code: editor.text, timeoutMs: Number(timeLimit.value) });
  };
  const editor = createEditor(requireElement("editor", HTMLElement), {
    onRun: start,
    onLeave: () => run.focus(),
    onEdit() {
      edits.set(choice.value, editor.text);
      reset.hidden = editor.text === current().code;
    },
  });
  const show = (): void => {
    const { id, about: text, code, timeoutMs = DEFAULT_TIMEOUT_MS } = current();
    about.textContent = text;
    editor.setText(edits.get(id) ?? code);
    editor.markFailure(undefined);
    reset.hidden = (edits.get(id) ?? code) === code;
    timeLimit.value = String(timeoutMs);
  };

  choice.append(
    ...PROGRAM_GROUPS.map(({ title, programs }) =>
      element(
        "optgroup",
        { label: title },
        ...programs.map((program) => element("option", { value: program.id }, program.title)),
      ),
    ),
  );
  timeLimit.append(...TIMEOUTS_MS.map((ms) => element("option", { value: String(ms) }, formatMs(ms))));
  help.append(
    element("kbd", {}, isMac ? "⌘ Enter" : "Ctrl Enter"),
    " runs, ",
    element("kbd", {}, "Esc"),
    " leaves the editor",
  );
  choice.addEventListener("change", show);
  reset.addEventListener("click", () => {
    edits.delete(choice.value);
    show();
    choice.focus();
  });
  run.addEventListener("click", start);
  cancel.addEventListener("click", () => {
    if (!isDisabled(cancel)) onCancel();
  });
  show();

  return {
    editor,
    setState(state) {
      setDisabled(run, state !== "ready");
      setDisabled(cancel, state !== "running");
    },
  };
}
