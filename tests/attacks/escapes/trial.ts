import { openCanary, openUdpCanary } from "../setup/canary.ts";
import { LOADED_MACHINE_MS, type PageWatch, watchPage } from "../setup/page-watch.ts";
import type { PlantedSecrets } from "../setup/planted-secrets.ts";
import { CLAIM, type Detector, type EscapeCase } from "./escape-case.ts";
import type { Ended, EscapeLanguage, Executor, ToolCall } from "./executor.ts";
import { watchPageState } from "./page-state.ts";

/** How an attack went. */
export interface Trial extends Pick<PageWatch, "longestTaskMs"> {
  readonly ended: Ended;
  /** The detectors that it set off, and what they saw. */
  readonly found: ReadonlyMap<Detector, string>;
  /** Detectors of the network that it sets off until now, for a look when the suite is over. */
  lateHits(): Promise<readonly string[]>;
}

export const ESCAPE_LIMITS = { timeoutMs: 500, memoryBytes: 64 * 1024 * 1024, maxToolCalls: 100 };

/** How late an end may be: the promise is 200 ms, a machine that others use too gets much more. */
const MAX_LATE_MS = 2_500;

/** The time of the run after an attack. */
const NEXT_MS = 3_000;

/** How long is listened for calls after the end. Milliseconds. */
const AFTERMATH_MS = 150;

/** Runs one attack and asks every detector. Where the network is expected to be hit, `waitFor` says so. */
export async function tryEscape(
  executor: Executor,
  one: EscapeCase,
  planted: PlantedSecrets,
  waitFor: readonly Detector[] = [],
): Promise<Trial> {
  const canary = openCanary();
  const udp = await openUdpCanary();
  const limits = { ...ESCAPE_LIMITS, ...one.limits };
  const code =
    defineNames(executor.language, {
      HTTP: canary.http,
      WS: canary.ws,
      HOST: new URL(canary.http).hostname,
      PORT: Number(new URL(canary.http).port),
      STUN: `127.0.0.1:${udp.port}`,
      PLANTED: planted.name,
      NONCE: canary.nonce,
    }) + one.code;
  const found = new Map<Detector, string>();
  const note = (detector: Detector, seen: string | undefined): void => {
    if (seen !== undefined && seen !== "") found.set(detector, seen);
  };

  await executor.prepare();
  const changes = await watchPageState(canary.nonce, planted);
  const errors = watchErrors();
  const called = executor.calls.length;
  const { value: ended, longestTaskMs } = await watchPage(() =>
    executor.run(code, { limits, session: "attacker" }),
  );
  const callsAtEnd = executor.calls.length;
  const next = await runNext(executor, one);
  await new Promise((resolve) => setTimeout(resolve, AFTERMATH_MS));
  // A request of the page's own, after all of the attack's: when it is there, theirs are as well.
  await fetch(`${canary.http}control`, { mode: "no-cors" });
  const lateHits = async (): Promise<readonly string[]> => [
    ...(await canary.hits("control")).filter((label) => label !== "control"),
    ...((await udp.count(false)) > 0 ? ["datagram"] : []),
  ];

  if (waitFor.includes("datagram")) await udp.count(true);
  for (let wait = 0; wait < 30 && waitFor.includes("network") && (await lateHits()).length === 0; wait += 1)
    await new Promise((resolve) => setTimeout(resolve, 100));
  note("network", (await lateHits()).filter((label) => label !== "datagram").join());
  note("datagram", (await udp.count(false)) > 0 ? "UDP" : "");
  // The benign run that came after makes calls of its own.
  const calls = executor.calls.slice(called).filter(({ args }) => !describe(args).includes(BENIGN_MARK));
  const told = ended.output + next.ended.output + describe(calls);
  note("planted", told.includes(planted.secret) ? planted.secret : "");
  note("claim", ended.output.includes(CLAIM) ? ended.output.slice(0, 200) : "");
  note("page", (await changes()).join());
  note("errors", errors().join());
  note("held", longestTaskMs > LOADED_MACHINE_MS ? `${Math.round(longestTaskMs)} ms` : "");
  const late = calls.slice(callsAtEnd - called);
  note("late_calls", late.map(({ tool }) => tool).join());
  note("bad_call", calls.map(badCall).join(""));
  const once = calls.filter(({ args }) => describe(args).includes(ONCE_MARK)).length;
  note(
    "forged",
    (ended.settled ?? 1) > 1 ? `settled ${ended.settled} times` : once > 1 ? "called twice" : "",
  );
  note("over_limit", overLimit(limits, calls.length, ended));
  note(
    "no_end",
    ended.end === "no answer" || ended.ms > limits.timeoutMs + MAX_LATE_MS ? `${ended.ms} ms` : "",
  );
  note("next_run", next.problem);
  return { ended, longestTaskMs, found, lateHits };
}

const BENIGN_MARK = "benign-next";

/** In the arguments of a call that may reach its tool once. */
const ONCE_MARK = "only-once";

const BENIGN: Readonly<Record<EscapeLanguage, string>> = {
  javascript: `return (await tools.page.echo({ mark: "${BENIGN_MARK}" })).mark`,
  python: `(await tools.page.echo(mark="${BENIGN_MARK}"))["mark"]`,
};

/** The run after an attack: the one that looks for what it left, or a benign one. */
async function runNext(
  executor: Executor,
  { afterwards }: EscapeCase,
): Promise<{ readonly ended: Ended; readonly problem: string }> {
  await executor.prepare();
  const { code, clean } = afterwards ?? { code: BENIGN[executor.language], clean: BENIGN_MARK };
  const ended = await executor.run(code, { limits: { timeoutMs: NEXT_MS }, session: "victim" });
  const isClean = ended.end === "returned" && describe(ended.value) === JSON.stringify(clean);
  return { ended, problem: isClean ? "" : `${ended.end} ${ended.output.slice(0, 200)}` };
}

/** What is wrong with a call: the schema of the tool `strict` is in setup/target.ts. */
function badCall({ tool, args }: ToolCall): string {
  if (!isJson(args)) return `${tool} with what is no JSON `;
  if (tool !== "strict") return "";
  const [v, ...more] = typeof args === "object" && args !== null ? Object.entries(args) : [];
  const fits = more.length === 0 && v?.[0] === "v" && typeof v[1] === "string" && v[1].length <= 20;
  return fits ? "" : "strict ";
}

/** Walks without recursion: some attacks want what recursive code cannot walk. */
function isJson(root: unknown): boolean {
  const open = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value === "string" || typeof value === "boolean" || value === null) continue;
    if (typeof value === "number" && Number.isFinite(value)) continue;
    if (typeof value !== "object") return false;
    const proto: unknown = Object.getPrototypeOf(value);
    if (proto !== Object.prototype && proto !== Array.prototype && proto !== null) return false;
    for (const part of Object.values(value)) open.push(part);
  }
  return true;
}

function overLimit(limits: typeof ESCAPE_LIMITS & EscapeCase["limits"], calls: number, ended: Ended): string {
  const maxOutput = 2 * (limits.maxOutputBytes ?? 1024 * 1024);
  if (calls > limits.maxToolCalls) return `${calls} calls`;
  return ended.output.length > maxOutput ? `${ended.output.length} characters of output` : "";
}

/** Collects errors that nobody caught, and keeps them from failing the suite: they are what is asked for. */
function watchErrors(): () => readonly string[] {
  const errors: string[] = [];
  const hear = (event: ErrorEvent | PromiseRejectionEvent): void => {
    // An image that does not load is no error of code.
    if (event.target !== window) return;
    errors.push(event instanceof ErrorEvent ? event.message : String(event.reason));
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  addEventListener("error", hear, { capture: true });
  addEventListener("unhandledrejection", hear, { capture: true });
  return () => {
    removeEventListener("error", hear, { capture: true });
    removeEventListener("unhandledrejection", hear, { capture: true });
    return errors;
  };
}

/** The names of {@link EscapeCase}, on lines before the program's own. */
function defineNames(language: EscapeLanguage, names: Readonly<Record<string, string | number>>): string {
  return Object.entries(names)
    .map(([name, value]) => `${language === "python" ? "" : "const "}${name} = ${JSON.stringify(value)}`)
    .concat("")
    .join(language === "python" ? "\n" : ";");
}

/** Anything as text; what JSON cannot hold stays apart from what it can. */
function describe(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "undefined";
  } catch {
    return "what JSON can't hold";
  }
}
