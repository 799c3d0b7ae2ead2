import { typescriptLanguage } from "@codemirror/lang-javascript";
import { classHighlighter, highlightCode } from "@lezer/highlight";
import { element } from "./element.ts";

/** Longer texts are shown in one colour: the reader's scrolling matters more. */
const MAX_HIGHLIGHTED = 60_000;

/** TypeScript in a box that scrolls. `label` names the box for those who reach it by keyboard. */
export function codeView(text: string, label: string): HTMLPreElement {
  const box = codeBox(label);
  highlightCode(
    text,
    typescriptLanguage.parser.parse(text),
    classHighlighter,
    (part, classes) => box.append(classes === "" ? part : token(part, classes)),
    () => box.append("\n"),
  );
  return box;
}

/** A value as pretty JSON in a box that scrolls. */
export function jsonView(value: unknown, label: string): HTMLPreElement {
  const text = JSON.stringify(value, null, 2) ?? "undefined";
  const box = codeBox(label);
  if (text.length > MAX_HIGHLIGHTED) {
    box.append(text);
    return box;
  }
  let end = 0;
  for (const { 0: part, index, groups } of text.matchAll(JSON_TOKEN)) {
    const [kind] = Object.entries(groups ?? {}).find(([, found]) => found !== undefined) ?? [];
    box.append(text.slice(end, index), token(part, `tok-${kind}`));
    end = index + part.length;
  }
  box.append(text.slice(end));
  return box;
}

/** The groups are named like the highlighter's classes. */
const JSON_TOKEN =
  /(?<propertyName>"(?:[^"\\]|\\.)*"(?=:))|(?<string>"(?:[^"\\]|\\.)*")|(?<number>-?\d[\d.eE+-]*)|(?<atom>true|false|null)/g;

function codeBox(label: string): HTMLPreElement {
  return element("pre", { class: "code", tabindex: "0", role: "region", "aria-label": label });
}

function token(text: string, classes: string): HTMLElement {
  return element("span", { class: classes }, text);
}
