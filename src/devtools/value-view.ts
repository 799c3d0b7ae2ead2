import { isJsonObject, type Json, type JsonObject, parseJson } from "../base/json.ts";
import { HIDDEN } from "../base/secrets.ts";
import { button, element, scroller } from "./dom.ts";
import { formatBytes, formatCount } from "./format.ts";
import { hideText, isHiddenUnder } from "./hide.ts";

/** Parts of one value, rows and columns that are shown at first, and that each further step shows. */
const STEP = 100;
const MAX_COLUMNS = 20;
const MAX_TEXT = 2_000;
const MAX_CELL = 200;
/** Of a text that is no JSON that we walk. Characters. */
const MAX_RAW = 20_000;

/** JSON text as a tree that opens step by step; lists of records in it are tables. */
export function valueView(label: string, json: string): HTMLElement {
  const value = parseJson(json);
  // Deeper than we walk, nothing can be hidden in it by its name.
  if (value === undefined)
    return element(
      "p",
      { class: "muted" },
      `${formatCount(json.length)} characters that nest too deep to be shown.`,
    );
  const table = recordsOf(value);
  return scroller(label, table === undefined ? node("", value, true) : tableView(label, table));
}

/** Plain text, cut. */
export function textView(label: string, text: string): HTMLElement {
  return scroller(label, element("pre", {}, hideText(text, MAX_RAW)));
}

/** A part of a tree. What is inside is made when it is opened: a value may be large, and nest deep. */
function node(key: string, value: Json, open = false): HTMLElement {
  const name = key === "" ? [] : [element("span", { class: "key" }, `${hideText(key, MAX_CELL)}: `)];
  if (key !== "" && isHiddenUnder(key, value))
    return element("div", { class: "leaf" }, ...name, element("span", { class: "hidden" }, HIDDEN));
  if (typeof value !== "object" || value === null)
    return element("div", { class: "leaf" }, ...name, scalar(value, MAX_TEXT));
  const details = element(
    "details",
    { class: "branch" },
    element("summary", {}, ...name, element("span", { class: "muted" }, sizeOf(value))),
  );
  let filled = false;
  const fill = (): void => {
    if (filled || !details.open) return;
    filled = true;
    const table = recordsOf(value);
    details.append(table === undefined ? partsOf(value) : tableView(key, table));
  };
  details.addEventListener("toggle", fill);
  details.open = open;
  fill();
  return details;
}

function partsOf(value: JsonObject | readonly Json[]): HTMLElement {
  if (!isJsonObject(value)) return inSteps(value.length, (at) => node(String(at), value[at] ?? null));
  const keys = Object.keys(value);
  return inSteps(keys.length, (at) => node(keys[at] ?? "", value[keys[at] ?? ""] ?? null));
}

/** So many at first, and a button for more. */
function inSteps(count: number, make: (at: number) => HTMLElement): HTMLElement {
  const place = element("div", { class: "parts" });
  const more = button("", () => add());
  let shown = 0;
  const add = (): void => {
    more.remove();
    const end = Math.min(count, shown + STEP);
    for (; shown < end; shown += 1) place.append(make(shown));
    if (shown === count) return;
    more.textContent = `Show more: ${formatCount(count - shown)} are left`;
    place.append(more);
  };
  add();
  return place;
}

type Records = readonly JsonObject[];

/** A list of objects; anything else is a tree. */
function recordsOf(value: Json): Records | undefined {
  if (!Array.isArray(value) || value.length < 2) return undefined;
  const records = value.filter(isJsonObject);
  return records.length === value.length ? records : undefined;
}

function tableView(label: string, records: Records): HTMLElement {
  const all = [...new Set(records.slice(0, STEP).flatMap((record) => Object.keys(record)))];
  const columns = all.slice(0, MAX_COLUMNS);
  const left = all.length - columns.length;
  const body = element("tbody");
  const table = element(
    "table",
    {},
    element(
      "caption",
      {},
      `${label === "" ? "" : `${hideText(label, MAX_CELL)}: `}${formatCount(records.length)} records${left > 0 ? `, ${left} columns are left out` : ""}`,
    ),
    element(
      "thead",
      {},
      element("tr", {}, ...columns.map((name) => element("th", { scope: "col" }, hideText(name, MAX_CELL)))),
    ),
    body,
  );
  const more = button("", () => add());
  let shown = 0;
  const add = (): void => {
    const next = records.slice(shown, shown + STEP);
    shown += next.length;
    body.append(...next.map((record) => rowOf(record, columns)));
    more.textContent = `Show more: ${formatCount(records.length - shown)} are left`;
    more.hidden = shown === records.length;
  };
  add();
  return element("div", {}, table, more);
}

function rowOf(record: Records[number], columns: readonly string[]): HTMLElement {
  const cells = columns.map((name) => {
    const value = Object.hasOwn(record, name) ? record[name] : undefined;
    if (value === undefined) return element("td");
    if (isHiddenUnder(name, value)) return element("td", { class: "hidden" }, HIDDEN);
    const isBranch = typeof value === "object" && value !== null;
    return element("td", {}, isBranch ? node("", value) : scalar(value, MAX_CELL));
  });
  return element("tr", {}, ...cells);
}

function scalar(value: string | number | boolean | null, maxCharacters: number): HTMLElement {
  const kind = value === null ? "null" : typeof value;
  if (typeof value !== "string") return element("span", { class: kind }, String(value));
  const left = value.length - maxCharacters;
  const size = left > 0 ? ` (${formatBytes(value.length)})` : "";
  return element("span", { class: kind }, `${JSON.stringify(hideText(value, maxCharacters))}${size}`);
}

function sizeOf(value: readonly Json[] | JsonObject): string {
  const isList = Array.isArray(value);
  const { length } = isList ? value : Object.keys(value);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  return length === 0 ? `${open}${close}` : `${open} ${formatCount(length)} ${close}`;
}
