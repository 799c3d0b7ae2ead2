import { createEditor, type ProgramEditor } from "./editor.ts";
import { element, isDisabled, requireElement, setDisabled } from "./element.ts";
import { formatMs } from "./format.ts";
import { PROGRAM_GROUPS, PROGRAMS } from "./programs.ts";
import type { DemoLanguage, ReadyProgram } from "./ready-program.ts";

/** What to run, as the visitor has it before them. */
export interface ProgramRequest {
  readonly language: DemoLanguage;
  readonly code: string;
  readonly timeoutMs: number;
}

export interface ProgramPanelOptions {
  readonly onRun: (request: ProgramRequest) => void;
  readonly onCancel: () => void;
  readonly onLanguage: (language: DemoLanguage) => void;
}

/** A program that is not one of the page's own. */
export interface GuestProgram extends Omit<ReadyProgram, "id"> {
  readonly language: DemoLanguage;
}

/** The choice of programs, the editor and its buttons. */
export interface ProgramPanel {
  readonly editor: ProgramEditor;
  readonly language: DemoLanguage;
  /** Shows a ready program as it was written, without the visitor's edits. */
  choose(id: string): void;
  /** What would run now. */
  readonly request: ProgramRequest;
  /** Shows a program from elsewhere: it joins the choice of its language, in place of an earlier one. */
  open(program: GuestProgram): void;
  /** `waiting` until there is an engine. */
  setState(state: "waiting" | "ready" | "running"): void;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const TIMEOUTS_MS: readonly number[] = [1_000, 5_000, DEFAULT_TIMEOUT_MS, 30_000, 60_000];
const isMac = /mac|iphone|ipad/i.test(navigator.userAgent);

/** Wires the program column of index.html. */
export function createProgramPanel({ onRun, onCancel, onLanguage }: ProgramPanelOptions): ProgramPanel {
  const languageChoice = requireElement("language", HTMLSelectElement);
  const choice = requireElement("program-choice", HTMLSelectElement);
  const about = requireElement("program-about", HTMLElement);
  const reset = requireElement("program-reset", HTMLButtonElement);
  const run = requireElement("run", HTMLButtonElement);
  const cancel = requireElement("cancel", HTMLButtonElement);
  const timeLimit = requireElement("time-limit", HTMLSelectElement);
  const help = requireElement("editor-help", HTMLElement);
  const edits = new Map<string, string>();
  /** The program that was last looked at in each language. */
  const chosen = new Map<DemoLanguage, string>();
  const guests = new Map<DemoLanguage, ReadyProgram>();
  const language = (): DemoLanguage => (languageChoice.value === "python" ? "python" : "typescript");

  const current = (): ReadyProgram => {
    const program = [...guests.values(), ...PROGRAMS].find(({ id }) => id === choice.value) ?? PROGRAMS[0];
    if (program === undefined) throw new Error("There are no programs.");
    return program;
  };
  const request = (): ProgramRequest => ({
    language: language(),
    code: editor.text,
    timeoutMs: Number(timeLimit.value),
  });
  const start = (): void => {
    if (!isDisabled(run)) onRun(request());
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
    chosen.set(language(), id);
    editor.setLanguage(language());
    editor.setText(edits.get(id) ?? code);
    editor.markFailure(undefined);
    reset.hidden = (edits.get(id) ?? code) === code;
    timeLimit.value = String(timeoutMs);
  };

  const list = (): void => {
    const guest = guests.get(language());
    const groups = PROGRAM_GROUPS[language()];
    choice.replaceChildren(
      ...(guest === undefined ? groups : [{ title: "From elsewhere", programs: [guest] }, ...groups]).map(
        ({ title, programs }) =>
          element(
            "optgroup",
            { label: title },
            ...programs.map((program) => element("option", { value: program.id }, program.title)),
          ),
      ),
    );
    choice.value = chosen.get(language()) ?? choice.value;
  };
  const choose = (written: DemoLanguage, id: string): void => {
    edits.delete(id);
    chosen.set(written, id);
    const isOther = language() !== written;
    languageChoice.value = written;
    list();
    show();
    if (isOther) onLanguage(written);
  };
  languageChoice.addEventListener("change", () => {
    list();
    show();
    onLanguage(language());
  });
  // Some browsers keep what was chosen before a reload.
  list();
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
    get request() {
      return request();
    },
    choose(id) {
      const inPython = PROGRAM_GROUPS.python.some(({ programs }) => programs.some((one) => one.id === id));
      choose(inPython ? "python" : "typescript", id);
    },
    open({ language: written, ...program }) {
      const id = `guest-${written}`;
      guests.set(written, { id, ...program });
      choose(written, id);
    },
    get language() {
      return language();
    },
    setState(state) {
      setDisabled(run, state !== "ready");
      setDisabled(cancel, state !== "running");
    },
  };
}
