import type { Optimizer } from "../src/index.ts";
import { element, requireElement } from "./element.ts";
import { formatCounted } from "./format.ts";

/** The choice of a session. */
export interface SessionPanel {
  /** What runs name as their session. */
  readonly session: string;
  /** Shows what the session holds now. */
  refresh(): Promise<void>;
}

/** Where the choice of the last visit is kept. */
const CHOSEN = "demo-session";
const PLAIN = "default";
const HOUR_MS = 3_600_000;

/**
 * Wires the sessions of index.html to the engine, until the signal. They survive a reload, and end after an hour
 * without use.
 */
export async function createSessionPanel(
  optimizer: Optimizer,
  onFailure: (error: unknown) => void,
  signal: AbortSignal,
): Promise<SessionPanel> {
  const choice = requireElement("session-choice", HTMLSelectElement);
  const about = requireElement("session-about", HTMLElement);
  const create = requireElement("session-create", HTMLButtonElement);
  const close = requireElement("session-close", HTMLButtonElement);
  let session = localStorage.getItem(CHOSEN) ?? PLAIN;

  const refresh = async (): Promise<void> => {
    const sessions = await optimizer.sessions.list();
    if (!sessions.some(({ id }) => id === session)) session = PLAIN;
    choice.replaceChildren(
      element("option", { value: PLAIN }, PLAIN),
      ...sessions.map(({ id, createdAt }) =>
        element("option", { value: id }, `begun ${new Date(createdAt).toLocaleTimeString()}`),
      ),
    );
    choice.value = session;
    close.hidden = session === PLAIN;
    const [{ totals }, keys] = await Promise.all([
      optimizer.sessions.log(session),
      optimizer.context.open({ session }).keys(),
    ]);
    about.textContent = `${formatCounted(totals.runs, "run")}. In its context: ${keys.length === 0 ? "nothing yet" : keys.join(", ")}. It is still there after a reload.`;
  };
  /** A step of the visitor's, and what it left. */
  const act = (work: () => Promise<string>): void => {
    work()
      .then((chosen) => {
        session = chosen;
        localStorage.setItem(CHOSEN, chosen);
        return refresh();
      })
      .catch(onFailure);
  };
  const begin = async (): Promise<string> =>
    (await optimizer.sessions.create({ ttlMs: HOUR_MS, keepGlobals: true })).id;
  const end = async (): Promise<string> => {
    await optimizer.sessions.close(session);
    return PLAIN;
  };
  choice.addEventListener("change", () => act(async () => choice.value), { signal });
  create.addEventListener("click", () => act(begin), { signal });
  close.addEventListener("click", () => act(end), { signal });
  await refresh();
  return {
    get session() {
      return session;
    },
    refresh,
  };
}
