import { messageOf } from "../base/errors.ts";
import { HIDDEN } from "../base/secrets.ts";
import type { Optimizer } from "../index.ts";
import { button, element, factList } from "./dom.ts";
import { formatBytes, formatCount, formatCounted, formatMs } from "./format.ts";
import { hideText, isHiddenUnder } from "./hide.ts";
import { valueView } from "./value-view.ts";
import { createVirtualList } from "./virtual-list.ts";

/** Sessions, what each keeps, and the values that stayed behind in it. */
export interface SessionView {
  readonly node: HTMLElement;
  /** Reads them anew. */
  refresh(optimizer: Optimizer | undefined): void;
}

interface Line {
  readonly id: string;
  readonly text: string;
}

/** JSON text, or bytes of a type. */
interface Kept {
  readonly type: string;
  readonly value: string | Uint8Array;
}

/** Sessions, and keys or handles of one, that are listed. */
const MAX_SESSIONS = 1_000;
const MAX_KEYS = 200;

export function createSessionView(): SessionView {
  const about = element("div", { class: "detail-pane" });
  const status = element("p", { role: "status", class: "muted" });
  let engine: Optimizer | undefined;
  let selected: string | undefined;
  /** The last thing asked for: an answer that comes late is dropped. */
  let asked = 0;

  const list = createVirtualList<Line>({
    label: "Sessions",
    rowPixels: 48,
    keyOf: ({ id }) => id,
    versionOf: () => 0,
    draw: (row, { id, text }) =>
      row.replaceChildren(
        element("span", { class: "row-title" }, element("code", {}, hideText(id, 200))),
        element("span", { class: "row-facts" }, text),
      ),
    onSelect: ({ id }) => {
      selected = id;
      void showSession();
    },
  });
  const attempt = async (
    place: HTMLElement,
    work: (isCurrent: () => boolean) => Promise<void>,
  ): Promise<void> => {
    asked += 1;
    const mine = asked;
    try {
      await work(() => mine === asked);
    } catch (error) {
      if (mine === asked) place.replaceChildren(hideText(messageOf(error), 1_000));
    }
  };
  const showSession = (): Promise<void> =>
    attempt(about, async (isCurrent) => {
      if (engine === undefined || selected === undefined) return;
      const parts = await sessionParts(engine, selected);
      if (isCurrent()) about.replaceChildren(...parts);
    });
  const refresh = (): Promise<void> =>
    attempt(status, async (isCurrent) => {
      if (engine === undefined) return;
      const lines = await readSessions(engine);
      if (!isCurrent()) return;
      status.textContent = formatCounted(lines.length, "session");
      if (!lines.some(({ id }) => id === selected)) {
        selected = undefined;
        about.replaceChildren(element("p", { class: "muted" }, "Choose a session to see what it keeps."));
      }
      list.show(lines, selected);
      await showSession();
    });

  return {
    node: element(
      "div",
      { class: "panes" },
      element(
        "div",
        { class: "list-pane" },
        element(
          "div",
          { class: "choices" },
          button("Read again", () => void refresh()),
          status,
        ),
        list.node,
      ),
      about,
    ),
    refresh(optimizer) {
      engine = optimizer;
      void refresh();
    },
  };
}

/** Those that were created, and plain ones. */
async function readSessions(engine: Optimizer): Promise<readonly Line[]> {
  const lines = new Map<string, Line>();
  for (const { id, createdAt, expiresAt } of await engine.sessions.list()) {
    const end = expiresAt === undefined ? "" : `, ends ${new Date(expiresAt).toLocaleString()}`;
    lines.set(id, { id, text: `created ${new Date(createdAt).toLocaleString()}${end}` });
  }
  for await (const { name, bytes } of engine.context.sessions()) {
    if (lines.size >= MAX_SESSIONS) break;
    const known = lines.get(name);
    const size = formatBytes(bytes);
    lines.set(name, { id: name, text: known === undefined ? size : `${known.text}, ${size}` });
  }
  return [...lines.values()];
}

async function sessionParts(engine: Optimizer, session: string): Promise<readonly HTMLElement[]> {
  const [log, keys, handles, waiting] = await Promise.all([
    engine.sessions.log(session),
    engine.context.open({ session }).keys(),
    engine.context.open({ session, area: "handles" }).keys(),
    engine.suspended(session),
  ]);
  const { runs, errors, toolCalls, tokens, durationMs } = log.totals;
  const place = element("div", { role: "status" });
  const items = (
    names: readonly string[],
    make: (name: string) => Node | string,
    none: string,
  ): HTMLElement =>
    names.length === 0
      ? element("p", { class: "muted" }, none)
      : element("ul", {}, ...names.slice(0, MAX_KEYS).map((name) => element("li", {}, make(name))));
  return [
    element("h3", {}, `Session ${hideText(session, 200)}`),
    factList([
      ["Runs", formatCount(runs)],
      ["Failed", formatCount(errors)],
      ["Tool calls", formatCount(toolCalls)],
      ["Tokens", formatCount(tokens)],
      ["Time", formatMs(durationMs)],
      ["Wait for a decision", formatCount(waiting.length)],
    ]),
    element("h4", {}, "Keys of its context"),
    items(
      keys,
      (key) => {
        const label = hideText(key, 200);
        return button(label, () => void showValue(label, place, () => readKey(engine, session, key)));
      },
      "Programs have kept nothing in it.",
    ),
    element("h4", {}, "Values that stayed behind"),
    items(
      handles,
      (handle) =>
        button(
          `Open ${handle}`,
          () => void showValue(`Value of ${handle}`, place, () => readHandle(engine, session, handle)),
        ),
      "No value was too large for the model.",
    ),
    place,
  ];
}

/** Shows what is kept under a name, or why it can't be read. */
async function showValue(label: string, place: HTMLElement, read: () => Promise<Kept>): Promise<void> {
  try {
    const { type, value } = await read();
    place.replaceChildren(
      typeof value === "string"
        ? valueView(label, value)
        : element("p", {}, `${formatBytes(value.length)} of ${hideText(type, 100)}`),
    );
  } catch (error) {
    place.replaceChildren(hideText(messageOf(error), 1_000));
  }
}

async function readHandle(engine: Optimizer, session: string, handle: string): Promise<Kept> {
  const { type, value } = await engine.open(handle, { session });
  return { type, value: value instanceof Uint8Array ? value : JSON.stringify(value) };
}

async function readKey(engine: Optimizer, session: string, key: string): Promise<Kept> {
  const value = (await engine.context.open({ session }).get(key)) ?? "null";
  // As in a tree: what is kept under such a name is hidden, whatever it is.
  return {
    type: "bytes",
    value: typeof value === "string" && isHiddenUnder(key, value) ? JSON.stringify(HIDDEN) : value,
  };
}
