// What crosses here: the boot of StackBlitz's WebContainer, a service in a frame of its own origin. It
// may be out of reach and then says nothing at all, ever; so every wait has an end, and the end a reason.

import type { BootOptions, WebContainer } from "@webcontainer/api";
import { messageOf, OptimizerError } from "../../base/errors.ts";
import { isJsonObject } from "../../base/json.ts";
import { clipText } from "../../base/text.ts";

/** What a boot needs, complete. */
export interface PageContainerOptions {
  readonly apiKey?: string;
  readonly coep?: NonNullable<BootOptions["coep"]>;
  readonly bootTimeoutMs: number;
}

const LICENCE =
  "Without a licence key the service decides by itself whom it serves: get one from StackBlitz and write webcontainer({ apiKey }).";

/** Longest text of the service that is passed on. Characters. */
const MAX_WARNING_CHARACTERS = 300;

/**
 * The one container that a page may have. It boots at the first use, and anew after it was
 * discarded. Disposing tears it down.
 */
export class PageContainer implements AsyncDisposable {
  readonly #options: PageContainerOptions;
  #opening: Promise<WebContainer> | undefined;
  /** The API's own boot. One that hangs can't be given up: the API lets no other begin. */
  #booting: Promise<WebContainer> | undefined;
  #keySet = false;
  #disposed = false;

  constructor(options: PageContainerOptions) {
    this.#options = options;
  }

  /** Rejects with 500 `sandbox_unavailable` and the reason; a later call tries again. */
  open(): Promise<WebContainer> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  /** Ends the container with all that runs in it, if it is still the one that is open. */
  async discard(container: WebContainer): Promise<void> {
    const open = await this.#opening?.catch(() => undefined);
    if (open !== container) return;
    this.#opening = undefined;
    this.#booting = undefined;
    container.teardown();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    // A boot that hangs is not waited for. Should it end one day, its container goes at once.
    this.#booting?.then((container) => container.teardown()).catch(() => undefined);
    this.#booting = undefined;
    this.#opening = undefined;
  }

  async #open(): Promise<WebContainer> {
    const { apiKey, coep, bootTimeoutMs } = this.#options;
    if (coep !== "none" && !crossOriginIsolated) {
      throw unavailable(
        "the page is not cross-origin isolated",
        'Serve it with the headers "cross-origin-opener-policy: same-origin" and "cross-origin-embedder-policy: require-corp" (or credentialless) and write webcontainer({ coep }) accordingly; where Chromium\'s origin trial applies, webcontainer({ coep: "none" }) needs neither.',
      );
    }
    const api = await import("@webcontainer/api").catch((error: unknown) => {
      throw unavailable(
        `the package @webcontainer/api could not be loaded: ${messageOf(error)}`,
        "It is an optional peer dependency: npm install @webcontainer/api.",
      );
    });
    if (this.#disposed) throw unavailable("it was closed", "Create a new optimizer.");
    if (apiKey !== undefined && !this.#keySet) setKey(api, apiKey);
    this.#keySet = true;
    if (this.#booting === undefined) {
      this.#booting = api.WebContainer.boot(coep === undefined ? {} : { coep });
      this.#booting.catch(() => {
        this.#booting = undefined;
      });
    } else reloadFrame();
    return waitForBoot(this.#booting, bootTimeoutMs, apiKey);
  }
}

/** Waits for a boot, and listens meanwhile to what the service says. */
async function waitForBoot(
  booting: Promise<WebContainer>,
  timeoutMs: number,
  apiKey: string | undefined,
): Promise<WebContainer> {
  let answered = false;
  let warning = "";
  const listen = ({ source, data }: MessageEvent<unknown>): void => {
    if (source === null || source !== findFrame()?.contentWindow) return;
    answered = true;
    if (isJsonObject(data) && data.type === "warning" && typeof data.message === "string") {
      warning = ` It said: ${clipText(data.message, MAX_WARNING_CHARACTERS)}`;
    }
  };
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const problem = answered
      ? `the service answered, but started no container within ${timeoutMs} ms.${warning}`
      : `no answer from ${serviceOrigin()} within ${timeoutMs} ms`;
    const hint = answered
      ? licenceHint(apiKey)
      : "Either there is no network, or the page's content security policy forbids the frame (frame-src), or the service is down. A later run tries again.";
    late.reject(unavailable(problem, hint));
  }, timeoutMs);
  addEventListener("message", listen);
  try {
    return await Promise.race([booting, late.promise]);
  } catch (error) {
    if (error instanceof OptimizerError) throw error;
    throw unavailable(`the service refused: ${messageOf(error)}${warning}`, licenceHint(apiKey));
  } finally {
    clearTimeout(timer);
    removeEventListener("message", listen);
  }
}

function licenceHint(apiKey: string | undefined): string {
  const rest =
    "A page has at most one container: hand over the one that it has as webcontainer({ container }).";
  return `${apiKey === undefined ? LICENCE : "Check that the licence key is valid for this origin."} ${rest}`;
}

/** The API takes a key before the first boot of a page, and never another. */
function setKey(api: typeof import("@webcontainer/api"), apiKey: string): void {
  try {
    api.configureAPIKey(apiKey);
  } catch (error) {
    const frame = findFrame();
    if (frame !== undefined && new URL(frame.src).searchParams.get("client_id") === apiKey) return;
    throw unavailable(
      `the licence key came too late: ${messageOf(error)}`,
      "Give the key to the first webcontainer() of the page.",
    );
  }
}

/** The frame that the API made. It goes through every boot of a page. */
function findFrame(): HTMLIFrameElement | undefined {
  return [...document.querySelectorAll<HTMLIFrameElement>('iframe[allow="cross-origin-isolated"]')].findLast(
    ({ src }) => URL.canParse(src) && new URL(src).pathname === "/headless",
  );
}

/** A frame without a document, as one is left by a network that was down, gets another try. */
function reloadFrame(): void {
  const frame = findFrame();
  if (frame !== undefined) frame.src = `${frame.src}`;
}

function serviceOrigin(): string {
  const frame = findFrame();
  return frame === undefined ? "the service" : new URL(frame.src).origin;
}

/** The way in which this sandbox says that nothing was run, and why. */
export function unavailable(problem: string, hint: string): OptimizerError {
  return new OptimizerError(`The sandbox could not be set up: webcontainer: ${problem}`, {
    code: 500,
    kind: "sandbox_unavailable",
    hint,
    retryable: true,
  });
}
