import { indentWithTab } from "@codemirror/commands";
import { javascript } from "@codemirror/lang-javascript";
import { python } from "@codemirror/lang-python";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { Compartment, type Extension, Prec, type Range, StateEffect, StateField } from "@codemirror/state";
import {
  Decoration,
  type DecorationSet,
  EditorView,
  highlightActiveLine,
  keymap,
  lineNumbers,
  WidgetType,
} from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";
import { minimalSetup } from "codemirror";
import { EDITOR_THEME } from "./editor-theme.ts";
import type { DemoLanguage } from "./ready-program.ts";

/** Where a program failed; line and column count from 1. */
export interface ProgramPosition {
  readonly line: number;
  readonly column?: number;
  readonly message: string;
}

export interface EditorOptions {
  /** Mod-Enter was pressed. */
  readonly onRun: () => void;
  /** Escape was pressed: focus goes elsewhere, because Tab indents in here. */
  readonly onLeave: () => void;
  readonly onEdit: () => void;
}

/** The program's text, to read and to edit. */
export interface ProgramEditor {
  readonly text: string;
  /** Replaces the text and forgets its marks; one undo brings the former text back. */
  setText(text: string): void;
  setLanguage(language: DemoLanguage): void;
  /** Marks where the last run failed, until the text changes. */
  markFailure(position: ProgramPosition | undefined): void;
  /** Puts the cursor there and the focus into the editor. */
  goTo(position: ProgramPosition): void;
}

/**
 * Opens the editor inside `host`, in a shadow root: there, CodeMirror's styles are constructed sheets,
 * which the page's content security policy allows without `unsafe-inline`.
 */
export function createEditor(host: HTMLElement, { onRun, onLeave, onEdit }: EditorOptions): ProgramEditor {
  const root = host.attachShadow({ mode: "open" });
  const language = new Compartment();
  let replacing = false;
  const view: EditorView = new EditorView({
    root,
    parent: root,
    extensions: [
      Prec.highest(keymap.of([{ key: "Mod-Enter", run: () => done(onRun) }])),
      minimalSetup,
      lineNumbers(),
      highlightActiveLine(),
      bracketMatching(),
      indentOnInput(),
      keymap.of([indentWithTab, { key: "Escape", run: () => done(onLeave) }]),
      language.of(languageSupport("typescript")),
      syntaxHighlighting(classHighlighter),
      failureField,
      typeOverSelection,
      EDITOR_THEME,
      EditorView.updateListener.of(({ docChanged }) => {
        if (docChanged && !replacing) onEdit();
      }),
    ],
  });
  const offsetOf = ({ line, column = 1 }: ProgramPosition): number => {
    const found = view.state.doc.line(Math.min(Math.max(1, line), view.state.doc.lines));
    return Math.min(found.from + Math.max(0, column - 1), found.to);
  };
  return {
    get text() {
      return view.state.doc.toString();
    },
    setText(text) {
      replacing = true;
      view.dispatch({
        changes: { from: 0, to: view.state.doc.length, insert: text },
        selection: { anchor: 0 },
        scrollIntoView: true,
      });
      replacing = false;
    },
    setLanguage(name) {
      view.dispatch({ effects: language.reconfigure(languageSupport(name)) });
    },
    markFailure(position) {
      const effects: StateEffect<unknown>[] = [setFailure.of(position)];
      if (position !== undefined) effects.push(EditorView.scrollIntoView(offsetOf(position)));
      view.dispatch({ effects });
    },
    goTo(position) {
      view.dispatch({ selection: { anchor: offsetOf(position) }, scrollIntoView: true });
      view.focus();
    },
  };
}

/**
 * Types over selected text without the browser's own editing, which would carry the old text's style
 * over as a style attribute: the page's content security policy refuses it, with a complaint each time.
 */
const typeOverSelection = EditorView.domEventHandlers({
  beforeinput({ inputType, data }, view) {
    if (inputType !== "insertText" || data === null || view.state.selection.main.empty) return false;
    view.dispatch(view.state.replaceSelection(data), { scrollIntoView: true, userEvent: "input.type" });
    return true;
  },
});

/** How programs of a language are shown, indented, and named to a screen reader. */
function languageSupport(language: DemoLanguage): Extension {
  const [name, support, indent] =
    language === "python"
      ? ["Python", python(), "    "]
      : ["TypeScript", javascript({ typescript: true }), "  "];
  return [
    support,
    indentUnit.of(indent),
    EditorView.contentAttributes.of({
      "aria-label": `Program in ${name}. Tab indents, Escape leaves the editor.`,
      tabindex: "0",
    }),
  ];
}

function done(act: () => void): true {
  act();
  return true;
}

const setFailure = StateEffect.define<ProgramPosition | undefined>();

/** The mark of a failure: its line, the place in it, and the message behind it. */
const failureField = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, { docChanged, effects, state }) {
    const failures = effects.filter((effect) => effect.is(setFailure));
    const last = failures.at(-1);
    if (last === undefined) return docChanged ? Decoration.none : marks;
    const { value } = last;
    if (value === undefined || value.line < 1 || value.line > state.doc.lines) return Decoration.none;
    const line = state.doc.line(value.line);
    const ranges: Range<Decoration>[] = [Decoration.line({ class: "cm-failure" }).range(line.from)];
    const from = line.from + (value.column ?? 0) - 1;
    if (value.column !== undefined && from >= line.from && from < line.to) {
      const word = /^[\w$]+/.exec(line.text.slice(value.column - 1))?.[0].length ?? 1;
      ranges.push(Decoration.mark({ class: "cm-failure-place" }).range(from, from + word));
    }
    ranges.push(Decoration.widget({ widget: new FailureMessage(value.message), side: 1 }).range(line.to));
    return Decoration.set(ranges, true);
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** The message at the end of the line. Screen readers get it from the result, which says more. */
class FailureMessage extends WidgetType {
  readonly #message: string;

  constructor(message: string) {
    super();
    this.#message = message;
  }

  override eq(other: FailureMessage): boolean {
    return other.#message === this.#message;
  }

  override toDOM(): HTMLElement {
    const span = document.createElement("span");
    span.className = "cm-failure-message";
    span.setAttribute("aria-hidden", "true");
    span.textContent = this.#message;
    return span;
  }
}
