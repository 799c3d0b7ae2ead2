import { findFreePort } from "../../demo/servers/loopback.ts";
import type { DrivenBrowser } from "./driven-browser.ts";
import { type OwnProcess, startProcess } from "./own-process.ts";

const START_TIMEOUT_MS = 30_000;
const COMMAND_TIMEOUT_MS = 60_000;

/**
 * WebKitGTK's MiniBrowser over classic WebDriver, on a display of its own (Xvfb). Each page gets a session of
 * its own, and so processes of its own: what a page left running ends with it.
 */
export async function launchWebkit(driverPath: string): Promise<DrivenBrowser> {
  await using starting = new AsyncDisposableStack();
  const screen = starting.use(startProcess("Xvfb", ["-displayfd", "3", "-screen", "0", "1280x800x24"]));
  const display = (await inTime(screen, screen.told, "Xvfb")).trim();
  const port = await findFreePort();
  const driver = starting.use(
    startProcess(driverPath, [`--port=${port}`, "--host=127.0.0.1"], {
      DISPLAY: `:${display}`,
      // As root WebKit's own sandbox can't be had. Nothing but our tests runs here.
      WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1",
      LIBGL_ALWAYS_SOFTWARE: "1",
    }),
  );
  const remote = `http://127.0.0.1:${port}`;
  await inTime(driver, untilItAnswers(remote), driverPath);
  let session: Session | undefined;
  starting.defer(() => session?.[Symbol.asyncDispose]());
  const running = starting.move();
  return {
    async open(url) {
      await session?.[Symbol.asyncDispose]();
      session = await openSession(remote);
      await session.visit(url);
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

interface Session extends AsyncDisposable {
  visit(url: string): Promise<void>;
}

async function openSession(remote: string): Promise<Session> {
  const { sessionId } = await command(remote, "POST", "/session", { capabilities: { alwaysMatch: {} } });
  const path = `/session/${String(sessionId)}`;
  return {
    async visit(url) {
      await command(remote, "POST", `${path}/url`, { url });
    },
    async [Symbol.asyncDispose]() {
      // One that crashed has ended already.
      await command(remote, "DELETE", path).catch(() => {});
    },
  };
}

/** One command of WebDriver, and what it answers. */
async function command(
  remote: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(remote + path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(COMMAND_TIMEOUT_MS),
  });
  const { value } = (await response.json()) as { readonly value: Readonly<Record<string, unknown>> | null };
  if (!response.ok) throw new Error(`WebDriver: ${method} ${path}: ${String(value?.["message"])}`);
  return value ?? {};
}

async function untilItAnswers(remote: string): Promise<void> {
  const end = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const answered = await command(remote, "GET", "/status").catch(() => undefined);
    if (answered !== undefined) return;
    if (performance.now() > end) throw new Error(`Nothing answers at ${remote}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The work, unless its process ends or the time is over before. */
async function inTime<T>(process: OwnProcess, work: Promise<T>, name: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`${name} said nothing in ${START_TIMEOUT_MS} ms`)),
    START_TIMEOUT_MS,
  );
  const died = process.ended.then((how) => Promise.reject(new Error(`${name} ended (${how})`)));
  try {
    return await Promise.race([work, late, died]);
  } finally {
    clearTimeout(timer);
  }
}
