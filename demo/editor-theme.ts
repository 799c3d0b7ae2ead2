import type { Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";

/** The editor in the page's colours: custom properties reach through the shadow root, rules don't. */
export const EDITOR_THEME: Extension = EditorView.theme({
  "&": {
    height: "100%",
    color: "var(--text)",
    backgroundColor: "var(--code-background)",
    fontSize: "var(--code-size)",
  },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6", overflow: "auto" },
  ".cm-content": { padding: "10px 0", caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-line": { padding: "0 14px 0 8px" },
  ".cm-gutters": {
    color: "var(--muted)",
    backgroundColor: "var(--code-background)",
    border: "none",
    paddingLeft: "4px",
  },
  ".cm-activeLine": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLine": { backgroundColor: "var(--line)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    background: "var(--selection)",
  },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--selection)", outline: "none" },
  ".cm-failure, &.cm-focused .cm-failure": { backgroundColor: "var(--danger-soft)" },
  ".cm-failure-place": { textDecoration: "underline wavy var(--danger)", textUnderlineOffset: "3px" },
  ".cm-failure-message": {
    color: "var(--danger)",
    paddingLeft: "2em",
    fontStyle: "italic",
    whiteSpace: "pre",
  },
  ".tok-keyword, .tok-bool, .tok-null, .tok-atom": { color: "var(--code-keyword)" },
  ".tok-string, .tok-string2": { color: "var(--code-string)" },
  ".tok-number": { color: "var(--code-number)" },
  ".tok-comment": { color: "var(--muted)", fontStyle: "italic" },
  ".tok-typeName, .tok-className, .tok-namespace": { color: "var(--code-type)" },
  ".tok-propertyName": { color: "var(--code-property)" },
});
